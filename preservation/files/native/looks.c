/* The Python module preservation.files._looks: lstat for many names of a folder in a call, while the
 * GIL is not held. preservation/files/looks.py tells what is asked of it, and does it where this is
 * not there. */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

/* Device, inode, octets, mtime and ctime in nanoseconds, each modulo 2^64, little-endian. */
typedef struct {
    uint8_t of[5][8];
} Look;

static void put(uint8_t *to, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t moment(struct timespec time)
{
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* How many of the names, from the first on, are regular files. */
static Py_ssize_t look_at(int folder, char **names, Py_ssize_t count, Look *looks)
{
    struct stat seen;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (fstatat(folder, names[i], &seen, AT_SYMLINK_NOFOLLOW) || !S_ISREG(seen.st_mode))
            return i;
        put(looks[i].of[0], (uint64_t)seen.st_dev);
        put(looks[i].of[1], (uint64_t)seen.st_ino);
        put(looks[i].of[2], (uint64_t)seen.st_size);
        put(looks[i].of[3], moment(seen.st_mtim));
        put(looks[i].of[4], moment(seen.st_ctim));
    }
    return count;
}

/* The names up to the first with a NUL, which no entry has; below zero: not octets. */
static Py_ssize_t spell(PyObject *tuple, char **names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        Py_ssize_t length;
        if (PyBytes_AsStringAndSize(PyTuple_GET_ITEM(tuple, i), &names[i], &length))
            return -1;
        if (strlen(names[i]) != (size_t)length)
            return i;
    }
    return PyTuple_GET_SIZE(tuple);
}

static PyObject *looks(PyObject *module, PyObject *args)
{
    (void)module;
    int folder;
    PyObject *sequence, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO", &folder, &sequence))
        return NULL;
    PyObject *tuple = PySequence_Tuple(sequence); /* it holds the names while the GIL is not held */
    if (!tuple)
        return NULL;
    const size_t room = (size_t)PyTuple_GET_SIZE(tuple) + 1;
    char **names = PyMem_New(char *, room);
    Look *found = PyMem_New(Look, room);
    Py_ssize_t count = -1;
    if (names && found)
        count = spell(tuple, names);
    else
        PyErr_NoMemory();
    if (count >= 0) {
        Py_BEGIN_ALLOW_THREADS
        count = look_at(folder, names, count, found);
        Py_END_ALLOW_THREADS
        result = PyBytes_FromStringAndSize((char *)found, count * (Py_ssize_t)sizeof *found);
    }
    PyMem_Free(names);
    PyMem_Free(found);
    Py_DECREF(tuple);
    return result;
}

static PyMethodDef methods[] = {
    {"looks", looks, METH_VARARGS, "Looks at regular files of a folder, up to what is none."},
    {0},
};
static PyModuleDef_Slot slots[] = {{0}};
static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "preservation.files._looks",
    .m_doc = "lstat for many names in a call.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__looks(void)
{
    return PyModuleDef_Init(&definition);
}
