/* The Python module preservation.fixity._small: reads small files below a folder, and copies them,
 * many in a call, while the GIL is not held. What is large, odd, changing or in any trouble is left:
 * this file judges nothing. preservation/fixity/helper_main.py tells what is asked of it. */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define READ (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define WRITE (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)
#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define PAGE 4096
#define LINE 64                    /* octets of a cache line, where each file begins at least */
#define WORTH_PASSING (128 * 1024) /* octets of a file that passes the page cache; as files.uncached */
#define ASKED 32                   /* files that the medium is asked for before the first is waited for */

/* What changes when a file is written to: device, inode, octets, mtime and ctime in nanoseconds,
 * each modulo 2^64; see preservation/fixity/fence.py. */
typedef struct {
    uint64_t of[5];
} Look;

/* The folder below a root that is open now: paths come folder by folder. */
typedef struct {
    int root, at;
    const char *parent; /* its path, a slash at its end; it lives as long as the call */
    size_t length;
} Folders;

typedef struct {
    const char *path, *kept; /* NULL: a name that no file can have, or no copy */
    Look look;
    int64_t size; /* -1 - octets: left */
    size_t at;    /* in the room */
    int fd;       /* -1: not open */
    int direct;   /* read past the page cache */
} File;

typedef struct {
    Folders source, copy;
    File *files;
    Py_ssize_t count;
    int fenced, copied; /* files have looks, have places to be copied to */
    char *room;
    size_t octets, used; /* of the room */
    Py_ssize_t taken;    /* files in the room */
    /* How it is asked for; see helper_main.Fill. */
    long long most;
    Py_ssize_t enough, least;
    int listed, drop_cache, passes;
    int stopped; /* by a signal, whose handler Python has to run */
} Work;

static void leave(Folders *folders)
{
    if (folders->at != folders->root)
        close(folders->at);
    folders->at = folders->root;
    folders->parent = NULL;
    folders->length = 0;
}

/* Open the folder of a path, following no link on the way; gives the file's name, or NULL. */
static const char *enter(Folders *folders, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t length = (size_t)(name - path);
    if (length == folders->length && (!length || !memcmp(path, folders->parent, length)))
        return name;
    leave(folders);
    char part[PATH_MAX];
    for (const char *at = path, *end; at < name; at = end + 1) {
        end = strchr(at, '/');
        const size_t octets = (size_t)(end - at);
        if (octets >= sizeof part) {
            leave(folders);
            return NULL;
        }
        memcpy(part, at, octets);
        part[octets] = 0;
        const int deeper = openat(folders->at, part, FOLDER);
        if (deeper < 0) {
            const int trouble = errno;
            leave(folders); /* not halfway: the next path may begin at the root */
            errno = trouble;
            return NULL;
        }
        leave(folders);
        folders->at = deeper;
    }
    folders->parent = path;
    folders->length = length;
    return name;
}

static int pass_cache(int fd, int on)
{
    const int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && !fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

/* Octets of an open file; -1 for what is no regular one. To be told of everything by fstat takes
 * longer than to be told of an end. What took a listed file's place meanwhile has no end (a pipe),
 * or none behind its beginning (a device), or cannot be read from (a folder). */
static int64_t size_of(int fd, int listed)
{
    if (listed) {
        const off_t end = lseek(fd, 0, SEEK_END);
        if (end)
            return end < 0 ? -1 : end;
    }
    struct stat seen;
    return !fstat(fd, &seen) && S_ISREG(seen.st_mode) ? seen.st_size : -1;
}

/* Drop what is cached of an open file, and ask the medium for it if it is small. Whether pages stay
 * in the cache though they were dropped, as those do that a program has mapped: of the medium they
 * say nothing. */
static int drop_cached(int fd, int64_t size)
{
    char octet;
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (size >= WORTH_PASSING)
        return 0;
    const struct iovec first = {&octet, 1};
    const int stays = preadv2(fd, &first, 1, 0, RWF_NOWAIT) > 0; /* else it has to be read; or nobody can say */
    posix_fadvise(fd, 0, size, POSIX_FADV_WILLNEED);
    return stays;
}

static size_t rounded(size_t octets, size_t unit)
{
    return (octets + unit - 1) / unit * unit;
}

/* A place in the room for a file, and for one octet more, which comes if it has grown. */
static int find_room(Work *work, File *file)
{
    const size_t size = (size_t)file->size;
    const int aligned = file->direct || (work->passes && size >= WORTH_PASSING);
    const size_t unit = aligned ? PAGE : LINE, at = rounded(work->used, unit);
    if (size >= work->octets || at > work->octets || rounded(size + 1, unit) > work->octets - at)
        return 0;
    file->at = at;
    work->used = at + rounded(size + 1, unit);
    work->taken++;
    return 1;
}

static void end(File *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

/* Leave a file to who asked. */
static void left(Work *work, File *file, int64_t size)
{
    if (errno == EINTR)
        work->stopped = 1;
    end(file);
    file->size = -1 - size;
}

/* Open a file, and find room for it; 0 where there is none any more. */
static int begin(Work *work, File *file)
{
    errno = 0;
    const char *name = file->path ? enter(&work->source, file->path) : NULL;
    file->fd = name ? openat(work->source.at, name, READ) : -1;
    file->size = file->fd < 0 ? -1 : size_of(file->fd, work->listed);
    if (file->size < 0 || file->size > work->most) {
        left(work, file, file->size < 0 ? 0 : file->size);
        return 1;
    }
    file->direct = work->drop_cache && file->size >= WORTH_PASSING;
    const size_t used = work->used;
    if (!find_room(work, file)) {
        left(work, file, file->size);
        return work->taken == 0; /* it is larger than the room */
    }
    if (work->drop_cache && drop_cached(file->fd, file->size)) {
        file->direct = 1; /* so it begins at a page */
        work->used = used;
        work->taken--;
        if (!find_room(work, file)) {
            left(work, file, file->size);
            return work->taken == 0;
        }
    }
    return 1;
}

/* The change time never goes back, so one look after the last octet tells of all that happened
 * since the look before. */
static int is_as_seen(int fd, const Look *look)
{
    struct stat seen;
    if (fstat(fd, &seen))
        return 0;
    const Look now = {{
        (uint64_t)seen.st_dev,
        (uint64_t)seen.st_ino,
        (uint64_t)seen.st_size,
        (uint64_t)seen.st_mtim.tv_sec * 1000000000u + (uint64_t)seen.st_mtim.tv_nsec,
        (uint64_t)seen.st_ctim.tv_sec * 1000000000u + (uint64_t)seen.st_ctim.tv_nsec,
    }};
    return !memcmp(&now, look, sizeof now);
}

static int write_all(int fd, const char *data, size_t size)
{
    return !size || write(fd, data, size) == (ssize_t)size;
}

static int write_copy(Work *work, const File *file)
{
    const char *name = enter(&work->copy, file->kept), *data = work->room + file->at;
    const int fd = name ? openat(work->copy.at, name, WRITE, 0644) : -1;
    if (fd < 0)
        return 0;
    const size_t size = (size_t)file->size;
    size_t whole = work->passes && size >= WORTH_PASSING ? size / PAGE * PAGE : 0;
    if (whole && !pass_cache(fd, 1))
        whole = 0;
    int done = write_all(fd, data, whole) && (!whole || pass_cache(fd, 0))
        && write_all(fd, data + whole, size - whole);
    const int trouble = errno;
    done &= !close(fd);
    if (!done) {
        unlinkat(work->copy.at, name, 0);
        errno = trouble;
    }
    return done;
}

/* Read a file that is open, all of it in one call; then copy it. */
static void finish(Work *work, File *file)
{
    if (file->fd < 0)
        return;
    errno = 0;
    if (work->stopped) {
        left(work, file, 0);
        return;
    }
    const size_t size = (size_t)file->size;
    const int direct = file->direct && pass_cache(file->fd, 1);
    const size_t asked = direct ? rounded(size + 1, PAGE) : size + 1;
    const ssize_t got = pread(file->fd, work->room + file->at, asked, 0);
    if (got != (ssize_t)size || (work->fenced && !is_as_seen(file->fd, &file->look))) {
        left(work, file, got < 0 ? 0 : file->size);
        return;
    }
    const int fd = file->fd;
    file->fd = -1;
    if (close(fd) || (work->copied && !(file->kept && write_copy(work, file))))
        left(work, file, 0);
}

/* Read files until the room is full; gives how many were gone through. Where octets come from the
 * medium, it is asked for those of several small files before the first is waited for: it can put
 * them in order, or fetch them at once. */
static Py_ssize_t go_through(Work *work)
{
    const Py_ssize_t several = work->drop_cache ? ASKED : 1;
    Py_ssize_t next = 0;
    int full = 0;
    while (next < work->count && !full && !work->stopped) {
        const Py_ssize_t first = next;
        while (next < work->count && next - first < several && !full && !work->stopped) {
            if (begin(work, &work->files[next]))
                next++;
            else
                full = 1;
            full |= work->used >= (size_t)work->enough && work->taken >= work->least;
        }
        for (Py_ssize_t i = first; i < next; i++)
            finish(work, &work->files[i]);
    }
    leave(&work->source);
    leave(&work->copy);
    return next;
}

/* A path as the system wants it; NULL for one with a NUL. */
static int spell(PyObject *path, const char **spelled)
{
    char *octets;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(path, &octets, &length))
        return -1;
    *spelled = strlen(octets) == (size_t)length ? octets : NULL;
    return 0;
}

static int note(PyObject *tuple, Look *look)
{
    if (!PyTuple_Check(tuple) || PyTuple_GET_SIZE(tuple) != 5) {
        PyErr_SetString(PyExc_TypeError, "a look is a tuple of five numbers");
        return -1;
    }
    for (int i = 0; i < 5; i++) {
        look->of[i] = PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(tuple, i));
        if (look->of[i] == UINT64_MAX && PyErr_Occurred())
            return -1;
    }
    return 0;
}

/* What was said about each file, put down where no Python is needed to read it. */
static int put_down(Work *work, PyObject *paths, PyObject *kept, PyObject *looks)
{
    work->count = PyTuple_GET_SIZE(paths);
    work->copied = PyTuple_GET_SIZE(kept) > 0;
    work->fenced = PyTuple_GET_SIZE(looks) > 0;
    if ((work->copied && PyTuple_GET_SIZE(kept) != work->count)
        || (work->fenced && PyTuple_GET_SIZE(looks) != work->count)) {
        PyErr_SetString(PyExc_ValueError, "as many places and looks as paths, or none");
        return -1;
    }
    work->files = PyMem_Calloc(work->count ? (size_t)work->count : 1, sizeof *work->files);
    if (!work->files) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < work->count; i++) {
        File *file = &work->files[i];
        file->fd = -1;
        if (spell(PyTuple_GET_ITEM(paths, i), &file->path)
            || (work->copied && spell(PyTuple_GET_ITEM(kept, i), &file->kept))
            || (work->fenced && note(PyTuple_GET_ITEM(looks, i), &file->look)))
            return -1;
    }
    return 0;
}

/* Sizes, and for each file that was read where its octets lie. */
static PyObject *told(const Work *work, Py_ssize_t count, PyObject *room)
{
    PyObject *sizes = PyList_New(count), *octets = PyList_New(0);
    for (Py_ssize_t i = 0; sizes && octets && i < count; i++) {
        const File *file = &work->files[i];
        PyObject *size = PyLong_FromLongLong(file->size), *slice = NULL;
        if (size)
            PyList_SET_ITEM(sizes, i, size);
        if (size && file->size >= 0)
            slice = PySequence_GetSlice(room, (Py_ssize_t)file->at, (Py_ssize_t)file->at + file->size);
        if (!size || (file->size >= 0 && (!slice || PyList_Append(octets, slice))))
            Py_CLEAR(sizes);
        Py_XDECREF(slice);
    }
    PyObject *both = sizes && octets ? PyTuple_Pack(2, sizes, octets) : NULL;
    Py_XDECREF(sizes);
    Py_XDECREF(octets);
    return both;
}

static PyObject *fill(PyObject *module, PyObject *args)
{
    (void)module;
    Work work = {0};
    PyObject *given[3], *held[3] = {NULL}, *room, *result = NULL;
    Py_buffer view = {0};
    if (!PyArg_ParseTuple(args, "iiOOOO(Lnnppp)", &work.source.root, &work.copy.root, &given[0], &given[1],
                          &given[2], &room, &work.most, &work.enough, &work.least, &work.listed,
                          &work.drop_cache, &work.passes))
        return NULL;
    work.source.at = work.source.root;
    work.copy.at = work.copy.root;
    for (int i = 0; i < 3; i++)
        if (!(held[i] = PySequence_Tuple(given[i])))
            goto end;
    if (put_down(&work, held[0], held[1], held[2]) || PyObject_GetBuffer(room, &view, PyBUF_WRITABLE))
        goto end;
    work.room = view.buf;
    work.octets = (size_t)view.len;
    Py_ssize_t gone;
    Py_BEGIN_ALLOW_THREADS
    gone = go_through(&work);
    Py_END_ALLOW_THREADS
    result = told(&work, gone, room);
end:
    if (view.obj)
        PyBuffer_Release(&view);
    PyMem_Free(work.files);
    for (int i = 0; i < 3; i++)
        Py_XDECREF(held[i]);
    return result;
}

static PyMethodDef methods[] = {
    {"fill", fill, METH_VARARGS, "Reads files into a room until it is full."},
    {0},
};
static PyModuleDef_Slot slots[] = {{0}};
static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "preservation.fixity._small",
    .m_doc = "Small files, many in a call.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__small(void)
{
    return PyModuleDef_Init(&definition);
}
