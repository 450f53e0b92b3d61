# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "astropy==8.0.2", "netCDF4==1.7.5.1.post1", "numpy==2.4.6", "pyarrow==26.0.1",
#   "reportlab==5.1.0", "tifffile==2026.3.3",
# ]
# ///
"""Make the sample deposits again: real files of real formats, the same bytes every time.

The deposits are kept in git, so nobody has to run this. It is here so that everybody can see
where they come from. Its libraries are no dependencies of the project: run it in an
environment of its own, with the versions named above (others may spell the same data in
other bytes)::

    python make_deposits.py [FOLDER]

The places are real; every measurement is made up, from fixed seeds. Licence: CC0 1.0.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import astropy.io.fits
import netCDF4
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tifffile
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

# name, name in the place's own script, longitude, latitude (degrees), height (m),
# mean temperature of January and July (degrees Celsius)
STATIONS = (
    ("Samarkand", "Samarqand", 66.96, 39.65, 724, 1.9, 26.5),
    ("Bukhara", "Buxoro", 64.42, 39.77, 225, 1.4, 29.4),
    ("Khiva", "Xiva", 60.36, 41.38, 100, -3.2, 27.9),
    ("Nukus", "Nókis", 59.60, 42.46, 76, -4.6, 28.3),
    ("Termez", "Termiz", 67.28, 37.22, 310, 3.9, 31.0),
    ("Tashkent", "Toshkent", 69.24, 41.30, 455, 1.9, 27.8),
    ("Fergana", "Fargʻona", 71.78, 40.39, 580, -0.7, 27.4),
    ("Khujand", "Хуҷанд", 69.62, 40.28, 300, 0.6, 28.6),
    ("Dushanbe", "Душанбе", 68.77, 38.56, 800, 2.6, 27.1),
    ("Khorog", "Хоруғ", 71.55, 37.49, 2080, -7.3, 22.7),
    ("Osh", "Ош", 72.80, 40.53, 1012, -2.2, 25.1),
    ("Bishkek", "Бишкек", 74.59, 42.87, 760, -2.6, 25.2),
    ("Almaty", "Алматы", 76.93, 43.25, 851, -4.7, 24.2),
    ("Merv", "Merw", 62.18, 37.66, 225, 3.3, 31.2),
    ("Kashgar", "喀什", 75.98, 39.47, 1289, -5.3, 26.0),
    ("Turpan", "吐鲁番", 89.18, 42.95, 35, -7.6, 32.4),
    ("Hotan", "和田", 79.93, 37.13, 1375, -3.9, 25.9),
    ("Dunhuang", "敦煌", 94.66, 40.14, 1139, -8.3, 25.1),
)
DAYS = np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]")


def daily_temperature(january: float, july: float, seed: int) -> np.ndarray:
    """A year of daily means in tenths of a degree: a cosine of the seasons, and weather."""
    season = (1 - np.cos(2 * np.pi * (np.arange(len(DAYS)) - 15) / len(DAYS))) / 2
    noise = np.random.default_rng(seed).normal(0, 2.4, len(DAYS))
    weather = np.convolve(noise, (0.5, 0.3, 0.2), "same")
    return np.round(january + (july - january) * season + weather, 1)


def as_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A table as RFC 4180 has it, but for its line ends."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(value: object) -> bytes:
    """JSON for people: indented, with every letter as itself."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def as_pdf(title: str, lines: Iterable[str]) -> bytes:
    """A page of text. The Chinese font is named, not embedded: readers bring their own."""
    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    out = io.BytesIO()
    page = Canvas(out, pagesize=A4, invariant=1)
    page.setTitle(title)
    page.setAuthor("The Samarkand founders")
    page.setFont("STSong-Light", 18)
    page.drawString(72, 760, title)
    page.setFont("STSong-Light", 11)
    for number, line in enumerate(lines):
        page.drawString(72, 725 - 18 * number, line)
    page.save()
    return out.getvalue()


def as_parquet(columns: Mapping[str, object]) -> bytes:
    """A table of named columns."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.getvalue()


def relief(height: int, width: int, seed: int) -> np.ndarray:
    """Metres above the sea of a valley between two ranges, rougher the higher it lies."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    valley = 350 + 2900 * (2 * np.abs(rows - 0.45 - 0.08 * np.sin(5 * columns))) ** 1.6
    rough = np.random.default_rng(seed).normal(0, 1, (height, width)).cumsum(1) * 4
    return np.clip(valley + rough * (valley / 1500), 180, 4400).astype("<i2")


def geotiff(path: Path) -> None:
    """EPSG:4326 by the three tags that GeoTIFF 1.1 asks for (OGC 19-008r4, section 7)."""
    scale, origin = (0.01, 0.01, 0.0), (0.0, 0.0, 0.0, 66.0, 40.2, 0.0)
    keys = (1, 1, 0, 3, 1024, 0, 1, 2, 1025, 0, 1, 1, 2048, 0, 1, 4326)
    tifffile.imwrite(
        path,
        relief(160, 240, 1420),
        photometric="minisblack",
        compression="zlib",
        software=False,
        metadata=None,
        extratags=[
            (33550, "d", 3, scale, True),
            (33922, "d", 6, origin, True),
            (34735, "H", len(keys), keys, True),
        ],
    )


def netcdf(path: Path) -> None:
    """Monthly precipitation on a half-degree grid, by the CF conventions."""
    with netCDF4.Dataset(path, "w", format="NETCDF4") as grid:
        grid.Conventions = "CF-1.11"
        grid.title = "Zarafshon vodiysi: oylik yogʻin, 2024 (made up)"
        grid.license = "CC0-1.0"
        axes = {
            "time": (np.arange(12), "months since 2024-01-01"),
            "lat": (np.arange(38.5, 41.0, 0.1), "degrees_north"),
            "lon": (np.arange(64.0, 69.0, 0.1), "degrees_east"),
        }
        for name, (values, units) in axes.items():
            grid.createDimension(name, len(values))
            axis = grid.createVariable(name, "f4", (name,))
            axis.units, axis[:] = units, values
        wet = np.array([42, 46, 71, 62, 33, 8, 4, 1, 3, 17, 29, 41])[:, None, None]
        noise = np.random.default_rng(66).gamma(3, 0.3, (12, 25, 50))
        rain = grid.createVariable("pr", "f4", ("time", "lat", "lon"), zlib=True)
        rain.units, rain.long_name = "mm", "oylik yogʻin miqdori"
        rain[:] = np.round(wet * noise, 1)


def fits(path: Path) -> None:
    """A small frame of stars: bias, photon noise, and round images of different brightness."""
    rng = np.random.default_rng(1437)
    frame = rng.normal(1000, 8, (256, 256))
    rows, columns = np.mgrid[0:256, 0:256]
    for _ in range(60):
        row, column, light = rng.uniform(0, 256), rng.uniform(0, 256), rng.pareto(1.4) * 300
        frame += light * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 4.5)
    header = astropy.io.fits.Header()
    header["OBJECT"] = ("M42", "made up, not observed")
    header["DATE-OBS"] = "2024-01-12T16:30:00"
    header["EXPTIME"] = (120.0, "seconds")
    header["TELESCOP"] = "0.6 m"
    header["SITELAT"], header["SITELONG"] = (38.67, "degrees"), (66.90, "degrees")
    data = np.clip(frame, 0, 65535).astype("uint16")
    astropy.io.fits.PrimaryHDU(data, header).writeto(path, checksum=False)


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder, by their names."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def digest_lines(folder: Path, names: Iterable[str], algorithm: str) -> bytes:
    """What ``md5sum`` and ``sha256sum`` would print in this folder."""
    found = ((hashlib.new(algorithm, (folder / name).read_bytes()), name) for name in names)
    return "".join(f"{digest.hexdigest()}  {name}\n" for digest, name in found).encode()


def below(folder: Path) -> list[str]:
    """The names of all files in a folder, by their bytes."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(names, key=str.encode)


def stations(folder: Path) -> None:
    """A table as CSV, JSON and Parquet, described by a README and DataCite metadata."""
    header = ("station", "local_name", "lon", "lat", "height_m", "january_c", "july_c")
    temperatures = [daily_temperature(s[5], s[6], seed) for seed, s in enumerate(STATIONS)]
    put(
        folder,
        {
            "README.md": "# Станции Мавераннахра\n\nСуточные температуры 2024 года на "
            "восемнадцати станциях вдоль Шёлкового пути. Данные вымышлены.\n".encode(),
            "datacite.json": as_json(
                {
                    "id": "10.5072/samarkand.stations.2024",
                    "identifiers": [
                        {"identifier": "10.5072/samarkand.stations.2024", "identifierType": "DOI"}
                    ],
                    "titles": [
                        {"title": "Станции Мавераннахра, 2024", "lang": "ru"},
                        {"title": "Movarounnahr stansiyalari, 2024", "lang": "uz"},
                        {"title": "河中地区气象站，2024", "lang": "zh"},
                        {"title": "Weather stations of Transoxiana, 2024", "lang": "en"},
                    ],
                    "creators": [{"name": "The Samarkand founders"}],
                    "publisher": "Samarkand examples",
                    "publicationYear": 2024,
                    "types": {"resourceTypeGeneral": "Dataset"},
                    "rightsList": [{"rightsIdentifier": "cc0-1.0"}],
                    "schemaVersion": "http://datacite.org/schema/kernel-4",
                }
            ),
            "stations.csv": as_csv(header, STATIONS),
            "stations.json": as_json([dict(zip(header, row, strict=True)) for row in STATIONS]),
            "наблюдения/сутки 2024.parquet": as_parquet(
                {
                    "station": np.repeat([s[0] for s in STATIONS], len(DAYS)),
                    "day": np.tile(DAYS, len(STATIONS)),
                    "mean_c": np.concatenate(temperatures),
                }
            ),
        },
    )


def valley(folder: Path) -> None:
    """Two grids, with the digest lists that their makers put beside them."""
    folder.mkdir(parents=True)
    netcdf(folder / "yogʻin 2024.nc")
    geotiff(folder / "relyef.tif")
    note = "Zarafshon vodiysi: yogʻin va relyef toʻrlari. Maʼlumotlar oʻylab topilgan.\n"
    put(folder, {"OʻQING.txt": note.encode()})
    names = below(folder)
    put(
        folder,
        {
            "checksums.md5": digest_lines(folder, names, "md5"),
            "sha256sum.txt": digest_lines(folder, names, "sha256"),
        },
    )


def observatory(folder: Path) -> None:
    """A FITS frame and the night's log, in Chinese names and two levels of folders."""
    lines = (
        "2024年1月12日，晴，无月。",
        "Frame 0001: M42, 120 s, 0.6 m telescope, seeing 1.4 arcsec.",
        "Frame 0002 was spoilt by wind and is not kept.",
        "The mirror was washed on 2024-01-10; flat fields are from the same week.",
        "数据为虚构，仅供演示。 All data are made up.",
    )
    put(folder, {"观测日志.pdf": as_pdf("观测日志 Observing log", lines)})
    (folder / "图像" / "原始").mkdir(parents=True)
    fits(folder / "图像" / "原始" / "猎户座大星云 0001.fits")


def star_table(folder: Path) -> None:
    """A bag as a partner institution would send it, with a DOI and a CSTR (both made up)."""
    rng = np.random.default_rng(994)
    rows = (
        (n, f"{rng.uniform(0, 360):.4f}", f"{rng.uniform(-23, 90):.4f}", rng.integers(1, 7))
        for n in range(1, 1019)
    )
    lines = (
        "1018 stars in the order of the Zij-i Sultani, positions made up.",
        "Columns: number, ecliptic longitude and latitude (degrees), magnitude class 1 to 6.",
        "Чтобы читать таблицу, достаточно текстового редактора.",
    )
    payload = {
        "data/yulduzlar jadvali.csv": as_csv(("number", "lon", "lat", "magnitude"), rows),
        "data/兀鲁伯天文表/说明.pdf": as_pdf("Zij-i Sultani 兀鲁伯天文表", lines[:2]),
        "data/описание.txt": "\n".join(lines).encode() + b"\n",
    }
    put(folder, payload)
    octets = sum(map(len, payload.values()))
    info = (
        "Source-Organization: Mirzo Ulugh Beg Observatory (example)\n"
        "Organization-Address: Samarkand, Uzbekistan\n"
        "Contact-Name: Ulugʻbek Mirzo\n"
        "External-Description: Star table after the Zij-i Sultani; positions made up\n"
        "External-Identifier: doi:10.5072/samarkand.zij.1437\n"
        "External-Identifier: CSTR:00000.11.samarkand.zij1437\n"
        "Bagging-Date: 2024-06-17\n"
        f"Payload-Oxum: {octets}.{len(payload)}\n"
    )
    declaration = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    put(folder, {"bagit.txt": declaration, "bag-info.txt": info.encode()})
    for algorithm in ("sha256", "sha512"):
        names = sorted(payload, key=str.encode)
        put(folder, {f"manifest-{algorithm}.txt": digest_lines(folder, names, algorithm)})
    tags = [name for name in below(folder) if name not in payload]
    for algorithm in ("sha256", "sha512"):
        put(folder, {f"tagmanifest-{algorithm}.txt": digest_lines(folder, tags, algorithm)})


def glacier(path: Path) -> None:
    """A plain folder, serialised as ``tar -czf`` does: mass balance, and a note in Kyrgyz."""
    rng = np.random.default_rng(1967)
    rows = (
        (year, *(int(x) for x in rng.normal((1100, -1650), (180, 320)).round(-1)))
        for year in range(2011, 2025)
    )
    files = {
        "Абрамов мөңгүсү/баланс.csv": as_csv(("year", "winter_mm_we", "summer_mm_we"), rows),
        "Абрамов мөңгүсү/окуңуз.txt": "Абрамов мөңгүсү, 2011-2024. Ойдон чыгарылган.\n".encode(),
    }
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1735689600
            tar.addfile(member, io.BytesIO(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(plain.getvalue(), mtime=0))


def expedition(folder: Path) -> None:
    """A diary in plain text with a track, as one person's laptop holds it."""
    diary = (
        "# Field notes, Zeravshan 2024\n\n"
        "## 3 May, Panjakent\n\nLeft at 06:40. Terraces at 1,140 m, wheat already yellow.\n\n"
        "## 4 May, Iskanderkul\n\nLake level 0.4 m under last year's mark. Rain after noon.\n"
    )
    track = (
        (
            f"2024-05-0{3 + n // 12}T{6 + n % 12:02}:00:00Z",
            round(68.37 + 0.013 * n, 3),
            round(39.49 - 0.018 * n, 3),
            1010 + 49 * n,
        )
        for n in range(24)
    )
    track_csv = as_csv(("time", "lon", "lat", "height_m"), track)
    put(folder, {"diary, May 2024.md": diary.encode(), "tracks/day 1 and 2.csv": track_csv})
    put(folder, {"SHA256SUMS": digest_lines(folder, below(folder), "sha256")})


def loggers(folder: Path) -> None:
    """What three soil loggers wrote: one JSON line per reading, and how they were set up."""
    rng = np.random.default_rng(7)
    for logger in ("A", "B", "C"):
        soil = 14 + rng.normal(0, 0.2, 240).cumsum()
        lines = (
            json.dumps({"hour": hour, "soil_c": round(float(value), 2)})
            for hour, value in enumerate(soil)
        )
        put(folder, {f"logger {logger}.jsonl": "\n".join(lines).encode() + b"\n"})
    put(folder, {"настройки.json": as_json({"interval_s": 3600, "depth_cm": 20})})


DEPOSITS = {
    "silk-road/Станции Мавераннахра 2024": stations,
    "silk-road/Zarafshon vodiysi toʻrlari": valley,
    "silk-road/丝绸之路天文观测": observatory,
    "silk-road/zij-i-sultani-bag": star_table,
    "silk-road/abramov-glacier-2024.tar.gz": glacier,
    "field-notes/Zeravshan expedition 2024": expedition,
    "field-notes/soil-loggers": loggers,
}


def main(out: Path) -> None:
    """Make every deposit below ``out``, which must not hold them yet."""
    for name, make in DEPOSITS.items():
        make(out / name)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "deposits"))
