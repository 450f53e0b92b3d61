"""What a file of a test set is, by where it comes from and what it is called.

A family is what a reader needs to know to open a file. Each is told by a pattern over what a tool
says: identifier, name, MIME type; and by its true but coarser parents.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """A family: the pattern of the words that name it, and its parents."""

    words: re.Pattern[str]
    parents: tuple[str, ...] = ()


def _families(table: str) -> dict[str, Family]:
    found = {}
    for line in table.strip().splitlines():
        name, words, *parents = (part.strip() for part in line.split("  ") if part.strip())
        found[name] = Family(
            re.compile(words, re.IGNORECASE), tuple(parents[0].split()) if parents else ()
        )
    return found


# name  words  parents
FAMILIES = _families(r"""
text  plain text|text/plain
xml  \bxml\b
zip  \bzip\b|application/zip
gzip  gzip|gz
json  json  text
hdf5  hdf ?5|hierarchical data format
ole  ole2|compound
python  python source|x-python|x-script.python  text
restructuredtext  restructured|x-rst  text
markdown  markdown  text
c  c source|c/c\+\+|x-c\b|x-c\+\+|c\+\+ source  text
javascript  javascript  text
fortran  fortran  text
matlab-script  matlab.*script|x-matlab\b|objective-c  text
shell  shell|x-sh  text
batch  batch|msdos-batch|x-bat  text
css  cascading|text/css  text
tex  latex|\btex\b|x-tex  text
bibtex  bibtex  text
sql  sql|structured query  text
yaml  yaml  text
toml  toml  text
ini  ini settings|configuration|key and value|x-wine-extension-ini  text
po  gettext  text
diff  diff  text
html  html|hypertext
svg  svg|scalable vector  xml
kml  kml|keyhole  xml
xsd  xsd|xml schema  xml
xsl  xslt|stylesheet language  xml
dtd  dtd|document type  text
rdf-xml  rdf/xml|rdf\+xml|owl  xml
votable  votable  xml
gifti  gifti  xml
mzml  mzml|mass spectrometry markup  xml
quakeml  quakeml  xml
trix  trix  xml
sparql-results  sparql results|sparql-results  xml json
wadl  wadl  xml
vtk-xml  vtk  xml
turtle  turtle|notation3|\bn3\b  text
n-triples  n-triples  text
n-quads  n-quads  text
trig  trig\b  text
sparql  sparql  text
json-ld  json-ld|ld\+json  json text
json-lines  json ?lines|jsonl|ndjson  json text
geojson  geojson|geo\+json  json text
ro-crate  ro-crate  json text
jupyter  jupyter|ipynb  json text
csv  csv|comma.separated  text
tsv  tsv|tab.separated  text
ecsv  ecsv  csv text
png  png|portable network
jpeg  jpeg|jpg|jfif|exchangeable image
gif  gif|graphics interchange
bmp  bmp|bitmap
tiff  tiff|tagged image
big-tiff  big-?tiff  tiff
geotiff  geotiff  tiff
cog  cloud.optimized|cog  geotiff tiff
ome-tiff  ome-tiff  tiff
webp  webp
ico  ico\b|icon|cursor
psd  psd|photoshop
jp2  jp2|jpx|jpeg.?2000|j2k
avif  avif
icns  icns|apple icon
pcx  pcx|paintbrush
tga  tga|targa|truevision
dds  dds|directdraw
netpbm  portable (any|bit|gray|grey|pix)|netpbm
qoi  qoi|quite ok
sgi  sgi  bmp
eps  postscript  text
pdf  pdf|portable document
rtf  rich text|rtf
docx  ooxml|wordprocessingml|word document|docx|word.*2007  zip
xlsx  spreadsheetml|excel.*2007|xlsx|excel for windows  zip
pptx  presentationml|powerpoint.*2007|pptx  zip
odt  opendocument.text|oasis.*text  zip
ods  opendocument.spreadsheet  zip
epub  epub  zip
wav  wav
aiff  aiff|audio interchange
mp3  mpeg|mp3
flac  flac
ogg  ogg|opus|vorbis
mp4  mp4|m4a|quicktime|m4b
wma  asf|advanced systems|wma|windows media
ape  monkey|x-ape
wavpack  wavpack
ttf  truetype|sfnt|ttf|opentype
icc  icc|international color
tar  \btar\b|tape archive
bzip2  bzip2?
xz  \bxz\b
compress  compress \(|unix compress|x-compress\b|z compressed|x-fmt/267
zstd  zstandard|zstd
7z  7z|7-zip
npy  npy|numpy array
npz  npz  zip
zarr-zip  zarr  zip
netcdf-classic  netcdf
netcdf-4  netcdf-4|application/netcdf|netcdf 4  hdf5
nwb  nwb|neurodata  hdf5
minc  minc  hdf5 netcdf-classic
fits  fits|flexible image
matlab  matlab.*mat|x-matlab-data|mat.file
idl  \bidl\b
pickle  pickle
root  \broot\b|x-root
grib1  grib.*1|grib
grib2  grib.*2|grib
bufr  bufr
parquet  parquet
arrow  arrow|feather
orc  \borc\b
avro  avro
sqlite  sqlite
geopackage  geopackage|gpkg|geo-?package  sqlite
r-data  r data|r object|rdata|\brds\b|x-r-data|r workspace  gzip bzip2 xz
stata  stata
spss-sav  spss.*(data|statistics)|spss-sav|\bsav\b
spss-por  spss port|spss-por|portable  text
sas  sas
sas-xport  sas.*(transport|xport)|xport
dicom  dicom
nifti  nifti
nifti-gz  nifti  gzip
analyze  analyze
mgh  mgh
mrc  mrc|ccp4
trackvis  trackvis
mrtrix  mrtrix
par-rec  par header|philips  text
las  las point|las file|vnd\.las\b|lidar|laser
laz  laz|laszip  las
shapefile  shapefile|shape
dbase  dbase|dbf|dbt
wkt  wkt|well-known|coordinate reference|projection  text
mseed  mini ?seed|mseed
seed  seed
sac  \bsac\b
gse2  gse2  text
segy  seg-?y
su  seismic unix
fasta  fasta  text
fastq  fastq  text
sam  \bsam\b|sequence alignment/map  text
bam  \bbam\b  gzip
bcf  \bbcf\b  gzip
cram  cram
vcf  \bvcf\b|variant call  text
vcf-gz  \bvcf\b|variant call  gzip
bgzf  bgzf|blocked|vcf|tabix  gzip
tabix  tabix  gzip
csi  \bcsi\b  gzip
bai  \bbai\b
gff  gff|general feature|generic feature|gtf|gene transfer  text
bed  \bbed\b|browser extensible  text
genbank  genbank  text
embl  embl|uniprot  text
pdb  \bpdb\b|protein data bank  text
mmcif  mmcif|pdbx  text
cif  cif  text
stockholm  stockholm  text
clustal  clustal  text
nexus  nexus  text
phylip  phylip  text
newick  newick  text
psl  \bpsl\b  text
maf  \bmaf\b  text
gfa  gfa  text
chain  chain  text
abi  \babi\b|abif|applied biosystems
sff  \bsff\b|flowgram
2bit  2bit
nib  \bnib\b
bigbed  bigbed
snapgene  snapgene
xdna  xdna|strider
xyz  xyz  text
mol  molfile|mdl  text
sdf  sdfile|\bsdf\b|mdl  text
poscar  vasp|poscar  text
cube  cube  text
vtk  vtk
gmsh  gmsh  text
ply  ply|polygon file
stl  stl
obj  wavefront  text
off  object file format  text
arff  arff  text
matrix-market  matrix market  text
abaqus  abaqus  text
su2  su2  text
""")

# Endings, by family, in the test data of the projects of PROJECTS.
_ENDINGS = """
python  py pyi pyx pxd pxi
restructuredtext  rst
markdown  md
c  c h cpp hpp cc hh cxx
javascript  js
fortran  f f90
matlab-script  m
shell  sh
batch  bat
css  css
tex  tex
bibtex  bib
sql  sql
yaml  yml yaml cff
toml  toml
ini  ini
po  po
diff  patch
html  html htm
svg  svg
kml  kml
xsd  xsd
xsl  xsl
dtd  dtd
xml  xml sc3ml scml rels stationxml
rdf-xml  rdf
gifti  gii
mzml  mzml
trix  trix
sparql-results  srx
wadl  wadl
vtk-xml  vtu
turtle  ttl n3
n-triples  nt
n-quads  nq nquads
trig  trig
sparql  rq ru
json-ld  jsonld
json-lines  hext jsonl
json  json avsc srj
jupyter  ipynb
csv  csv
ecsv  ecsv
png  png
jpeg  jpg jpeg mpo
gif  gif
bmp  bmp
tiff  tif tiff
webp  webp
ico  ico cur
psd  psd
jp2  jp2 j2k jpx
avif  avif
icns  icns
pcx  pcx
dds  dds
netpbm  pbm pgm ppm
qoi  qoi
eps  eps
pdf  pdf
docx  docx
xlsx  xlsx
pptx  pptx
wav  wav
aiff  aif aiff
mp3  mp3
flac  flac
ogg  ogg oga opus
mp4  m4a m4b mp4
wma  wma
ape  ape
wavpack  wv
ttf  ttf
icc  icc
tar  tar
gzip  gz
bzip2  bz2
xz  xz
compress  z
zip  zip whl
npy  npy
npz  npz
fits  fits fit
matlab  mat
pickle  pkl
parquet  parquet
avro  avro
stata  dta
spss-por  por
sas  sas7bdat
sas-xport  xpt
dicom  dcm
nifti  nii
mrc  mrc
trackvis  trk
mrtrix  tck
las  las
laz  laz
shapefile  shp shx
dbase  dbf
mseed  mseed
sac  sac
segy  sgy segy
su  su
fasta  fa fasta fna faa fas
fastq  fastq
sam  sam
bam  bam
bcf  bcf
cram  cram
vcf  vcf
bgzf  bgz
tabix  tbi
csi  csi
bai  bai
gff  gff gff3 gtf
genbank  gb gbk
embl  embl
pdb  pdb ent
stockholm  sth sto
clustal  aln
nexus  nex
phylip  phy phylip
psl  psl pslx
maf  maf
gfa  gfa
abi  ab1
sff  sff
2bit  2bit
nib  nib
bigbed  bb
snapgene  dna
xyz  xyz
vtk  vtk
gmsh  msh
arff  arff
text  txt
"""
BY_ENDING = {
    ending: family
    for family, endings in (line.split("  ") for line in _ENDINGS.strip().splitlines())
    for ending in endings.split()
}
# What an ending means in one project only: pattern of the path, family ("" for leave out).
_EXCEPTIONS = [
    (re.compile(pattern), family)
    for pattern, family in (
        (r"^pyreadstat/.*\.z?sav$", "spss-sav"),
        (r"^scipy/.*\.sav$", "idl"),
        (r"\.nii\.gz$", "nifti-gz"),
        (r"\.vcf\.gz$", "vcf-gz"),
        (r"\.cif$", "cif"),
        (r"\.mnc$|\.nc$|\.h5$|\.med$", ""),  # told by their own first octets, below
        (r"^biopython/Tests/Quality/.*\.qual$", ""),
        (r"\.in$|\.tmpl$", ""),
        (r"DTDs/.*\.ent$", "dtd"),
        (r"\.egg-info/", ""),  # one and the same list in each project
        (r"^obspy/.*\.z$|Tests/fonts/.*\.pbm$", ""),
        (r"templates?/.*\.html$|sidebarlinks", ""),
    )
]
_UNSOUND = re.compile(
    r"corrupt|bad|broken|invalid|trunc|error|crash|oom|overflow|fuzz|fail|malform|wrong|illegal|"
    r"empty|timeout|negative|hang|leak|incorrect|missing|damaged|cut|dump|noEOF|no_eof|jumbled|"
    r"chop|exploit|cve|unclosed|incomplete|unterminated|split|part[0-9]",
    re.IGNORECASE,
)
_HEADS = ((b"CDF", "netcdf-classic"), (b"\x89HDF", "hdf5"))


def family_of(path: str, head: bytes) -> str:
    """The family of a published test file; empty where it is not known for sure, or not sound.

    Args:
        path: project, then the path inside its source distribution.
    """
    if _UNSOUND.search(path.partition("/")[2]) or not head:
        return ""
    for pattern, family in _EXCEPTIONS:
        if pattern.search(path):
            if family:
                return family
            return next((one for start, one in _HEADS if head.startswith(start)), "")
    return BY_ENDING.get(path.rpartition(".")[2].lower(), "")


def verdict(family: str, said: str) -> str:
    """``exact``, ``parent``, ``unknown`` or ``wrong``.

    Args:
        said: identifier, name and MIME type of a tool's answer; empty if it has none.
    """
    if not said.strip() or said.strip() == "application/octet-stream":
        return "unknown"
    if FAMILIES[family].words.search(said):
        return "exact"
    todo, seen = list(FAMILIES[family].parents), set()
    while todo:
        parent = todo.pop()
        if parent not in seen:
            seen.add(parent)
            if FAMILIES[parent].words.search(said):
                return "parent"
            todo += FAMILIES[parent].parents
    return "wrong"
