"""Chemistry, materials, molecular dynamics, meshes."""

from __future__ import annotations

import re

from preservation.formats.sample import Sample
from preservation.formats.signatures.local_format import (
    first_line,
    magic,
    of_text,
    one_of,
    row,
    says,
    starting,
    words,
)

_COUNTS = re.compile(r"[ \d]{6}.{27,28}V[23]000")
_ATOM = re.compile(
    r"\s*([A-Z][a-z]?|\d{1,3}|X)\w*\s+-?\d*\.?\d+([eEdD][+-]?\d+)?\s+-?\d*\.?\d+\S*\s+-?\d*\.?\d+"
)


@of_text
def _is_mol(sample: Sample) -> bool:
    return len(sample.lines) > 3 and _COUNTS.match(sample.lines[3]) is not None


@of_text
def _is_sdf(sample: Sample) -> bool:
    return _is_mol(sample) and (sample.extension in ("sdf", "sd") or "\n$$$$" in sample.start)


@of_text
def _is_xyz(sample: Sample) -> bool:
    """A number of atoms, a comment, and rows of a symbol and three coordinates."""
    lines = sample.lines
    return (
        len(lines) > 2
        and lines[0].strip().isdecimal()
        and all(
            _ATOM.match(line)
            for line in lines[2 : 2 + min(int(lines[0].strip()), 20)]
            if line.strip()
        )
    )


@of_text
def _is_poscar(sample: Sample) -> bool:
    """A comment, a scale, three vectors; atoms are direct or Cartesian."""
    lines = sample.lines
    if len(lines) < 7:
        return False
    try:
        [float(word) for word in lines[1].split()]
        vectors = [[float(word) for word in line.split()] for line in lines[2:5]]
    except ValueError:
        return False
    return (
        bool(lines[1].strip())
        and all(len(vector) == 3 for vector in vectors)
        and (re.search(r"^\s*[SsCcKkDd]\w*\s*$", "\n".join(lines[5:9]), re.MULTILINE) is not None)
    )


@of_text
def _is_gro(sample: Sample) -> bool:
    lines = sample.lines
    return (
        len(lines) > 2
        and lines[1].strip().isdecimal()
        and re.match(r"[ \d]{5}[\w ]{10}[ \d]{5}[ \d.\-]{24}", lines[2]) is not None
    )


@of_text
def _is_cube(sample: Sample) -> bool:
    """Two comments, then atoms and origin, then three axes of the grid."""
    lines = sample.lines
    return len(lines) > 6 and all(
        re.fullmatch(r"\s*-?\d+(\s+-?\d+\.\d+([eE][+-]?\d+)?){3}(\s+\d+)?\s*", line)
        for line in lines[2:6]
    )


def _is_binary_stl(sample: Sample) -> bool:
    """80 octets of anything, the number of triangles, 50 octets for each."""
    if len(sample.head) < 84 or sample.extension != "stl":
        return False
    triangles = int.from_bytes(sample.head[80:84], "little")
    return (
        triangles > 0
        and sample.octets <= 84 + 50 * triangles
        and not sample.start.startswith("solid ")
    )


_CTFILE = "CTfile formats (BIOVIA), 2020"

ROWS = (
    row("rxn", "MDL RXN reaction", "rxn", words("$RXN"), _CTFILE, mime="chemical/x-mdl-rxnfile"),
    row(
        "sdf",
        "MDL SDfile (SDF)",
        "sdf sd mol",
        _is_sdf,
        _CTFILE,
        mime="chemical/x-mdl-sdfile",
        wrong="x-fmt/193",
    ),
    row("mol", "MDL Molfile (MOL)", "mol mdl sdf", _is_mol, _CTFILE, mime="chemical/x-mdl-molfile"),
    row(
        "mol2",
        "Tripos Mol2",
        "mol2 ml2 sy2",
        says(r"^@<TRIPOS>MOLECULE", hint="@<TRIPOS>"),
        "Tripos Mol2 file format",
        mime="chemical/x-mol2",
    ),
    row(
        "xyz",
        "XYZ coordinates (chemistry)",
        "xyz extxyz exyz txt",
        _is_xyz,
        "XMol XYZ format",
        mime="chemical/x-xyz",
        puid="fmt/2067",
    ),
    row(
        "jcamp-dx",
        "JCAMP-DX spectrum",
        "jdx dx jcm jcamp",
        words("##TITLE="),
        "JCAMP-DX 5.01, 5",
        mime="chemical/x-jcamp-dx",
        wrong="x-fmt/286",
    ),
    row(
        "cube",
        "Gaussian cube",
        "cube cub",
        _is_cube,
        "Gaussian, cubegen",
        mime="chemical/x-gaussian-cube",
        named=True,
    ),
    row(
        "gaussian-log",
        "Gaussian output",
        "log out",
        says(r"Entering Gaussian System|Gaussian, Inc\.", hint="Gaussian"),
        "Gaussian, output",
        mime="chemical/x-gaussian-log",
    ),
    row(
        "gaussian-input",
        "Gaussian input",
        "com gjf",
        says(r"^\s*(%\w+=|#[pPnNtT]? )"),
        "Gaussian, input",
        mime="chemical/x-gaussian-input",
        named=True,
    ),
    row(
        "vasp-poscar",
        "VASP structure (POSCAR)",
        "poscar contcar vasp",
        _is_poscar,
        "VASP wiki, POSCAR",
        mime="chemical/x-vasp-poscar",
    ),
    row(
        "gromacs-gro",
        "GROMACS structure (GRO)",
        "gro",
        _is_gro,
        "GROMACS reference, gro",
        mime="chemical/x-gromos87",
    ),
    row(
        "gromacs-xtc",
        "GROMACS trajectory (XTC)",
        "xtc",
        one_of(b"\0\0\x07\xcb", b"\0\0\x07\xe7"),
        "GROMACS reference, xtc",
        mime="chemical/x-xtc",
    ),
    row(
        "gromacs-trr",
        "GROMACS trajectory (TRR)",
        "trr trj",
        magic(b"\0\0\x07\xc9"),
        "GROMACS reference, trr",
        mime="chemical/x-trr",
    ),
    row(
        "dcd",
        "CHARMM/NAMD trajectory (DCD)",
        "dcd",
        magic(b"CORD", 4),
        "DCD, first record",
        mime="chemical/x-dcd",
    ),
    row(
        "psf",
        "CHARMM/NAMD structure (PSF)",
        "psf",
        words("PSF"),
        "PSF, first line",
        mime="chemical/x-psf",
        wrong="x-fmt/93",
    ),
    row(
        "lammps-dump",
        "LAMMPS dump",
        "dump lammpstrj lammpsdump",
        words("ITEM: TIMESTEP"),
        "LAMMPS, dump",
        mime="chemical/x-lammps",
    ),
    row(
        "vtk-xml",
        "VTK XML",
        "vtu vtp vts vti vtr vtm pvd pvtu pvtp pvts pvti pvtr vtk",
        starting(b"<")(lambda s: b"<VTKFile" in s.head[:1024]),
        "VTK file formats, XML",
        mime="application/x-vtk",
        parents="fmt/101",
    ),
    row(
        "vtk-legacy",
        "VTK legacy",
        "vtk",
        magic(b"# vtk DataFile Version"),
        "VTK file formats, simple legacy",
        mime="application/x-vtk",
        parents="fmt/2010 fmt/2011 fmt/2012 fmt/2100",
    ),
    row(
        "gmsh",
        "Gmsh mesh (MSH)",
        "msh",
        words("$MeshFormat"),
        "Gmsh reference manual, MSH",
        mime="model/mesh",
    ),
    row(
        "ply",
        "PLY polygon file",
        "ply",
        one_of(b"ply\n", b"ply\r\n", b"ply\r"),
        "PLY, header",
        mime="model/x-ply",
        puid="fmt/831",
    ),
    row(
        "off",
        "Object File Format (OFF)",
        "off",
        first_line(r"(ST)?(C)?(N)?4?OFF\b"),
        "Geomview, OFF",
        mime="model/x-off",
    ),
    row(
        "stl-ascii",
        "STL, ASCII",
        "stl",
        first_line(r"solid\b.*\s+(facet|endsolid)"),
        "STL, 3D Systems 1989",
        mime="model/stl",
        puid="fmt/1590",
        wrong="fmt/865",
    ),
    row(
        "stl-binary",
        "STL, binary",
        "stl",
        _is_binary_stl,
        "STL, 3D Systems 1989",
        mime="model/stl",
        puid="fmt/865",
    ),
    row(
        "wavefront-obj",
        "Wavefront OBJ",
        "obj",
        says(r"^(v|vn|vt|f|o|g|mtllib)\s+\S"),
        "Wavefront, Appendix B1",
        mime="model/obj",
        puid="fmt/1210",
        named=True,
    ),
    row(
        "wavefront-mtl",
        "Wavefront material",
        "mtl",
        says(r"^newmtl\s"),
        "Wavefront, MTL",
        mime="model/mtl",
        named=True,
    ),
    row(
        "nastran-bulk",
        "Nastran bulk data",
        "bdf fem nas dat",
        says(r"^(BEGIN BULK|GRID[ ,*]|CEND|SOL )"),
        "NX Nastran quick reference",
        mime="text/x-nastran",
        named=True,
        wrong="fmt/2102",
    ),
    row(
        "abaqus-input",
        "Abaqus input",
        "inp",
        says(r"^\*(heading|node|element|part)\b", re.MULTILINE | re.IGNORECASE),
        "Abaqus keywords",
        mime="text/x-abaqus",
        named=True,
    ),
    row(
        "avs-ucd",
        "AVS UCD mesh",
        "avs inp",
        says(r"\A(#.*\n)*\s*\d+\s+\d+\s+\d+\s+\d+\s+\d+\s*$"),
        "AVS, UCD",
        mime="text/x-avs-ucd",
        named=True,
    ),
    row(
        "su2-mesh",
        "SU2 mesh",
        "su2",
        says(r"^\s*NDIME\s*="),
        "SU2, mesh file",
        mime="text/x-su2",
        named=True,
    ),
    row(
        "tecplot",
        "Tecplot ASCII",
        "tec dat plt",
        first_line(r"(TITLE\s*=|VARIABLES\s*=|ZONE\b)", re.IGNORECASE),
        "Tecplot data format guide",
        mime="text/x-tecplot",
        named=True,
    ),
    row(
        "tetgen",
        "TetGen mesh",
        "node ele face edge poly",
        says(r"^\s*\d+\s+\d+\s+\d+(\s+\d+)?\s*$"),
        "TetGen manual, file formats",
        mime="text/x-tetgen",
        named=True,
    ),
    row(
        "medit",
        "Medit mesh",
        "mesh",
        first_line(r"(#.*\n)*MeshVersionFormatted\s+\d"),
        "Medit, INRIA RT-0253",
        mime="text/x-medit",
    ),
    row(
        "medit-binary",
        "Medit mesh, binary",
        "meshb",
        one_of(b"\1\0\0\0", b"\0\0\0\1"),
        "GMF, libMeshb",
        mime="application/x-medit",
        named=True,
    ),
    row(
        "gltf-binary",
        "glTF binary",
        "glb",
        magic(b"glTF"),
        "glTF 2.0, 4.4",
        mime="model/gltf-binary",
        puid="fmt/1316",
    ),
    row(
        "matrix-market",
        "Matrix Market",
        "mtx mm",
        magic(b"%%MatrixMarket"),
        "NIST, Matrix Market exchange formats",
        mime="application/x-matrix-market",
    ),
    row(
        "harwell-boeing",
        "Harwell-Boeing matrix",
        "rb rua rsa hb psa pua",
        says(r"\A.*\n[ \d]{14}[ \d]{14}[ \d]{14}"),
        "Harwell-Boeing users' guide",
        mime="text/x-harwell-boeing",
        named=True,
    ),
    row(
        "arff",
        "ARFF (Attribute-Relation File Format)",
        "arff",
        says(r"^@relation\b", re.MULTILINE | re.IGNORECASE, hint="@"),
        "Weka, ARFF",
        mime="text/x-arff",
        settles=True,
    ),
    row(
        "netcdf-cdl",
        "netCDF CDL text",
        "cdl",
        first_line(r"netcdf\s+\S+\s*\{"),
        "NetCDF users guide, CDL",
        mime="text/x-cdl",
    ),
)
