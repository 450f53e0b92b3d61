/* The Python module preservation.fixity._sha2: SHA-256 and SHA-512 of many messages at once.
 * preservation/fixity/sha2.py tells what each function does. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "sha2_kernels.h"

#define LONGEST_BLOCK 128

typedef struct {
    const char *name;
    int lanes;
    size_t block;      /* octets */
    size_t digest;     /* octets */
    size_t word;       /* octets */
    int worth;         /* messages below which a few at a time are faster than lanes */
    int pairs;         /* whether two in turns are faster than one after the other */
    uint64_t start[8]; /* FIPS 180-4, 5.3.3 and 5.3.5 */
} Algorithm;

static Algorithm ALGORITHMS[] = {
    {"sha256", SHA256_LANES, 64, 32, 4, 3, 0,
     {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}},
    {"sha512", SHA512_LANES, 128, 64, 8, 3, 0,
     {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
      0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}},
};

static const Algorithm *named(const char *name)
{
    for (size_t i = 0; i < sizeof ALGORITHMS / sizeof *ALGORITHMS; i++)
        if (!strcmp(ALGORITHMS[i].name, name))
            return &ALGORITHMS[i];
    PyErr_Format(PyExc_ValueError, "%s is not hashed in lanes", name);
    return NULL;
}

/* Some whole blocks that one message takes in. */
typedef struct {
    uint64_t *state;
    const uint8_t *at;
    size_t blocks;
} Run;

static void narrow(const Run *run, uint32_t state[8])
{
    for (int i = 0; i < 8; i++)
        state[i] = (uint32_t)run->state[i];
}

static void widen(const uint32_t state[8], Run *run)
{
    for (int i = 0; i < 8; i++)
        run->state[i] = state[i];
}

static void run_alone(const Algorithm *algorithm, Run *run)
{
    if (algorithm->word == 8) {
        sha512_one(run->state, run->at, run->blocks);
        return;
    }
    uint32_t state[8];
    narrow(run, state);
    sha256_one(state, run->at, run->blocks);
    widen(state, run);
}

/* Go on by as many blocks as the shorter of two has left. */
static void run_two(Run *one, Run *other)
{
    const size_t blocks = one->blocks < other->blocks ? one->blocks : other->blocks;
    uint32_t first[8], second[8];
    uint32_t *const states[2] = {first, second};
    const uint8_t *const messages[2] = {one->at, other->at};
    Run *const runs[2] = {one, other};
    for (int i = 0; i < 2; i++)
        narrow(runs[i], states[i]);
    sha256_two(states, messages, blocks);
    for (int i = 0; i < 2; i++) {
        widen(states[i], runs[i]);
        runs[i]->at += blocks * 64;
        runs[i]->blocks -= blocks;
    }
}

/* Finish a few; two in turns where that is faster. */
static void run_few(const Algorithm *algorithm, Run **runs, int count)
{
    Run *other = NULL;
    for (int i = 0; i < count; i++) {
        Run *run = runs[i];
        if (!algorithm->pairs) {
            run_alone(algorithm, run);
            continue;
        }
        if (other)
            run_two(other, run);
        if (!other || !other->blocks)
            other = run->blocks ? run : NULL;
    }
    if (other)
        run_alone(algorithm, other);
}

/* Messages side by side; `rows` holds their states as the kernels want them. */
typedef struct {
    union {
        uint64_t of_64[8 * SHA512_LANES];
        uint32_t of_32[8 * SHA256_LANES];
    } rows;
    const uint8_t *at[MOST_LANES];
    Run *run[MOST_LANES]; /* NULL: an idle lane, which does what another does */
    int busy;
} Lanes;

static void enter(const Algorithm *algorithm, Lanes *lanes, int lane, Run *run)
{
    for (int i = 0; i < 8; i++) {
        if (algorithm->word == 8)
            lanes->rows.of_64[i * SHA512_LANES + lane] = run->state[i];
        else
            lanes->rows.of_32[i * SHA256_LANES + lane] = (uint32_t)run->state[i];
    }
    lanes->run[lane] = run;
    lanes->at[lane] = run->at;
    lanes->busy++;
}

static void leave(const Algorithm *algorithm, Lanes *lanes, int lane)
{
    Run *run = lanes->run[lane];
    for (int i = 0; i < 8; i++) {
        if (algorithm->word == 8)
            run->state[i] = lanes->rows.of_64[i * SHA512_LANES + lane];
        else
            run->state[i] = lanes->rows.of_32[i * SHA256_LANES + lane];
    }
    run->at = lanes->at[lane];
    lanes->run[lane] = NULL;
    lanes->busy--;
}

/* Go on by as many blocks as the shortest has left. */
static void step(const Algorithm *algorithm, Lanes *lanes)
{
    size_t blocks = SIZE_MAX;
    const uint8_t *any = NULL;
    for (int i = 0; i < algorithm->lanes; i++)
        if (lanes->run[i]) {
            any = lanes->at[i];
            if (lanes->run[i]->blocks < blocks)
                blocks = lanes->run[i]->blocks;
        }
    for (int i = 0; i < algorithm->lanes; i++)
        if (!lanes->run[i])
            lanes->at[i] = any;
    if (algorithm->word == 8)
        sha512_lanes(lanes->rows.of_64, lanes->at, blocks);
    else
        sha256_lanes(lanes->rows.of_32, lanes->at, blocks);
    for (int i = 0; i < algorithm->lanes; i++) {
        lanes->at[i] += blocks * algorithm->block;
        if (lanes->run[i] && !(lanes->run[i]->blocks -= blocks))
            leave(algorithm, lanes, i);
    }
}

/* Finish all runs. Given the longest first, the lanes end at about the same time. */
static void run_all(const Algorithm *algorithm, Run *runs, size_t count)
{
    Lanes lanes = {.busy = 0};
    size_t next = 0;
    do {
        for (int i = 0; i < algorithm->lanes && next < count; i++)
            for (; !lanes.run[i] && next < count; next++)
                if (runs[next].blocks)
                    enter(algorithm, &lanes, i, &runs[next]);
        if (lanes.busy >= algorithm->worth)
            step(algorithm, &lanes);
    } while (next < count || lanes.busy >= algorithm->worth);
    Run *few[MOST_LANES];
    int left = 0;
    for (int i = 0; i < algorithm->lanes; i++)
        if (lanes.run[i]) {
            few[left++] = lanes.run[i];
            leave(algorithm, &lanes, i);
        }
    run_few(algorithm, few, left);
}

static int longer_first(const void *one, const void *other)
{
    const size_t a = ((const Run *)one)->blocks, b = ((const Run *)other)->blocks;
    return (a < b) - (a > b);
}

/* The end of a message (FIPS 180-4, 5.1): what is left of it, 0x80, zeros, its length in bits.
 * Returns how many blocks that makes. */
static size_t pad(const Algorithm *algorithm, const uint8_t *rest, size_t size, uint64_t octets,
                  uint8_t padded[2 * LONGEST_BLOCK])
{
    const size_t blocks = size + 1 + 2 * algorithm->word > algorithm->block ? 2 : 1;
    const size_t end = blocks * algorithm->block;
    memset(padded, 0, end);
    memcpy(padded, rest, size);
    padded[size] = 0x80;
    for (int i = 0; i < 8; i++)
        padded[end - 1 - i] = (uint8_t)(octets << 3 >> 8 * i);
    padded[end - 9] |= (uint8_t)(octets >> 61); /* the ninth octet of SHA-512's length */
    return blocks;
}

static void spell(const Algorithm *algorithm, const uint64_t state[8], uint8_t *digest)
{
    for (int i = 0; i < 8; i++)
        for (size_t j = 0; j < algorithm->word; j++)
            *digest++ = (uint8_t)(state[i] >> 8 * (algorithm->word - 1 - j));
}

/* The buffers of some Python objects. */
typedef struct {
    Py_buffer *views;
    Py_ssize_t count;
} Buffers;

static void let_go(Buffers *buffers)
{
    for (Py_ssize_t i = 0; i < buffers->count; i++)
        PyBuffer_Release(&buffers->views[i]);
    PyMem_Free(buffers->views);
    buffers->views = NULL;
}

static int take(PyObject *tuple, Buffers *buffers)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(tuple);
    buffers->count = 0;
    buffers->views = PyMem_New(Py_buffer, count ? count : 1);
    if (!buffers->views) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(tuple, i), &buffers->views[i], PyBUF_SIMPLE)) {
            let_go(buffers);
            return -1;
        }
        buffers->count++;
    }
    return 0;
}

/* What is hashed while the GIL is not held: whole buffers, their digests joined. */
static void hash_whole(const Algorithm *algorithm, const Buffers *buffers, uint64_t (*states)[8],
                       Run *runs, uint8_t *digests)
{
    const Py_ssize_t count = buffers->count;
    for (Py_ssize_t i = 0; i < count; i++) {
        const Py_buffer *view = &buffers->views[i];
        memcpy(states[i], algorithm->start, sizeof algorithm->start);
        runs[i] = (Run){states[i], view->buf, (size_t)view->len / algorithm->block};
    }
    qsort(runs, (size_t)count, sizeof *runs, longer_first);
    run_all(algorithm, runs, (size_t)count);
    uint8_t ends[MOST_LANES][2 * LONGEST_BLOCK];
    for (Py_ssize_t first = 0; first < count; first += MOST_LANES) {
        Py_ssize_t some = count - first < MOST_LANES ? count - first : MOST_LANES;
        for (Py_ssize_t i = 0; i < some; i++) {
            const Py_buffer *view = &buffers->views[first + i];
            const size_t size = (size_t)view->len, rest = size % algorithm->block;
            const uint8_t *at = size ? (const uint8_t *)view->buf + size - rest : ends[i];
            runs[i] = (Run){states[first + i], ends[i], pad(algorithm, at, rest, size, ends[i])};
        }
        run_all(algorithm, runs, (size_t)some);
    }
    for (Py_ssize_t i = 0; i < count; i++)
        spell(algorithm, states[i], digests + (size_t)i * algorithm->digest);
}

static PyObject *digests(PyObject *module, PyObject *args)
{
    (void)module;
    const char *name;
    PyObject *sequence, *result = NULL;
    if (!PyArg_ParseTuple(args, "sO", &name, &sequence))
        return NULL;
    const Algorithm *algorithm = named(name);
    PyObject *tuple = algorithm ? PySequence_Tuple(sequence) : NULL;
    Buffers buffers = {0};
    if (!tuple || take(tuple, &buffers)) {
        Py_XDECREF(tuple);
        return NULL;
    }
    const size_t count = (size_t)buffers.count, room = count < MOST_LANES ? MOST_LANES : count;
    uint64_t (*states)[8] = PyMem_Malloc(room * sizeof *states);
    Run *runs = PyMem_Malloc(room * sizeof *runs);
    if (states && runs)
        result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(count * algorithm->digest));
    else
        PyErr_NoMemory();
    if (result) {
        uint8_t *into = (uint8_t *)PyBytes_AS_STRING(result);
        Py_BEGIN_ALLOW_THREADS
        hash_whole(algorithm, &buffers, states, runs, into);
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(states);
    PyMem_Free(runs);
    let_go(&buffers);
    Py_DECREF(tuple);
    return result;
}

/* A stream: its state, what does not fill a block yet, and how much came so far. */
typedef struct {
    PyObject_HEAD
    const Algorithm *algorithm;
    uint64_t state[8];
    uint64_t octets;
    uint8_t rest[LONGEST_BLOCK];
    int busy; /* in an update that does not hold the GIL */
} State;

static PyObject *state_new(PyTypeObject *type, PyObject *args, PyObject *named_args)
{
    const char *name;
    static char *words[] = {"name", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, named_args, "s", words, &name))
        return NULL;
    const Algorithm *algorithm = named(name);
    State *self = algorithm ? (State *)type->tp_alloc(type, 0) : NULL;
    if (self) {
        self->algorithm = algorithm;
        memcpy(self->state, algorithm->start, sizeof algorithm->start);
    }
    return (PyObject *)self;
}

static void state_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *state_digest(PyObject *object, PyObject *nothing)
{
    (void)nothing;
    State *self = (State *)object;
    const Algorithm *algorithm = self->algorithm;
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "the stream is being hashed by another thread");
        return NULL;
    }
    uint8_t end[2 * LONGEST_BLOCK], digest[64];
    uint64_t state[8];
    memcpy(state, self->state, sizeof state);
    const size_t rest = self->octets % algorithm->block;
    Run last = {state, end, pad(algorithm, self->rest, rest, self->octets, end)};
    run_alone(algorithm, &last);
    spell(algorithm, state, digest);
    return PyBytes_FromStringAndSize((char *)digest, (Py_ssize_t)algorithm->digest);
}

static PyMethodDef state_methods[] = {
    {"digest", state_digest, METH_NOARGS, "The digest of all octets so far; more may follow."},
    {0},
};
static PyType_Slot state_slots[] = {
    {Py_tp_doc, "A stream of octets that update() hashes."},
    {Py_tp_new, state_new},
    {Py_tp_dealloc, state_dealloc},
    {Py_tp_methods, state_methods},
    {0},
};
static PyType_Spec state_spec = {
    "preservation.fixity._sha2.State", sizeof(State), 0, Py_TPFLAGS_DEFAULT, state_slots,
};

/* Each stream takes in its buffer, while the GIL is not held: first what completes a block that is
 * there in part, then whole blocks. */
static void hash_streams(PyObject *states, const Buffers *buffers, Run *runs)
{
    const Algorithm *algorithm = ((State *)PyTuple_GET_ITEM(states, 0))->algorithm;
    const size_t block = algorithm->block, count = (size_t)buffers->count;
    for (size_t i = 0; i < count; i++) {
        State *self = (State *)PyTuple_GET_ITEM(states, (Py_ssize_t)i);
        const Py_buffer *view = &buffers->views[i];
        const size_t held = self->octets % block, missing = held ? block - held : 0;
        const size_t some = (size_t)view->len < missing ? (size_t)view->len : missing;
        if (some)
            memcpy(self->rest + held, view->buf, some);
        runs[i] = (Run){self->state, self->rest, held && some == missing};
    }
    run_all(algorithm, runs, count);
    for (size_t i = 0; i < count; i++) {
        State *self = (State *)PyTuple_GET_ITEM(states, (Py_ssize_t)i);
        const Py_buffer *view = &buffers->views[i];
        const size_t held = self->octets % block, missing = held ? block - held : 0;
        const size_t size = (size_t)view->len, some = size < missing ? size : missing;
        const uint8_t *at = (const uint8_t *)view->buf + some;
        const size_t blocks = (size - some) / block, rest = (size - some) % block;
        runs[i] = (Run){self->state, at, blocks};
        if (rest)
            memcpy(self->rest, at + blocks * block, rest);
        self->octets += size;
    }
    qsort(runs, count, sizeof *runs, longer_first);
    run_all(algorithm, runs, count);
}

/* Mark the streams of a tuple as busy; none is, if one cannot be. */
static int begin(PyTypeObject *type, PyObject *states)
{
    const Algorithm *algorithm = NULL;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(states); i++) {
        State *self = (State *)PyTuple_GET_ITEM(states, i);
        const char *wrong = NULL;
        if (Py_TYPE(self) != type)
            wrong = "not a stream";
        else if (algorithm && self->algorithm != algorithm)
            wrong = "streams of several algorithms";
        else if (self->busy)
            wrong = "a stream that is being hashed already";
        if (wrong) {
            while (i--)
                ((State *)PyTuple_GET_ITEM(states, i))->busy = 0;
            PyErr_SetString(PyExc_ValueError, wrong);
            return -1;
        }
        algorithm = self->algorithm;
        self->busy = 1;
    }
    return 0;
}

static PyObject *hash_all(PyObject *states, const Buffers *buffers)
{
    const Py_ssize_t count = PyTuple_GET_SIZE(states);
    Run *runs = PyMem_New(Run, count ? count : 1);
    if (!runs)
        return PyErr_NoMemory();
    if (count) {
        Py_BEGIN_ALLOW_THREADS
        hash_streams(states, buffers, runs);
        Py_END_ALLOW_THREADS
    }
    PyMem_Free(runs);
    Py_RETURN_NONE;
}

static PyObject *update(PyObject *module, PyObject *args)
{
    PyObject *one, *other, *result = NULL;
    if (!PyArg_ParseTuple(args, "OO", &one, &other))
        return NULL;
    PyTypeObject *type = *(PyTypeObject **)PyModule_GetState(module);
    PyObject *states = PySequence_Tuple(one), *tuple = states ? PySequence_Tuple(other) : NULL;
    Buffers buffers = {0};
    if (!tuple || take(tuple, &buffers))
        goto end;
    if (PyTuple_GET_SIZE(states) != buffers.count)
        PyErr_SetString(PyExc_ValueError, "each stream takes one buffer");
    else if (!begin(type, states)) {
        result = hash_all(states, &buffers);
        for (Py_ssize_t i = 0; i < buffers.count; i++)
            ((State *)PyTuple_GET_ITEM(states, i))->busy = 0;
    }
    let_go(&buffers);
end:
    Py_XDECREF(states);
    Py_XDECREF(tuple);
    return result;
}

static PyMethodDef methods[] = {
    {"digests", digests, METH_VARARGS, "The digests of whole buffers, joined."},
    {"update", update, METH_VARARGS, "Each stream takes in its buffer."},
    {0},
};

static int put(PyObject *into, const char *name, long number)
{
    PyObject *value = PyLong_FromLong(number);
    const int failed = !value || PyDict_SetItemString(into, name, value);
    Py_XDECREF(value);
    return failed;
}

static int run_module(PyObject *module)
{
    PyTypeObject **type = PyModule_GetState(module);
    PyObject *lanes = PyDict_New(), *pays = PyDict_New();
    if (sha256_has_instructions()) {
        ALGORITHMS[0].worth = 15;
        ALGORITHMS[0].pairs = 1;
    }
    int failed = !lanes || !pays;
    for (size_t i = 0; !failed && sha2_lanes_usable() && i < 2; i++) {
        const Algorithm *one = &ALGORITHMS[i];
        failed = put(lanes, one->name, one->lanes) || put(pays, one->name, one->pairs ? 2 : one->worth);
    }
    *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, &state_spec, NULL);
    failed = failed || !*type || PyModule_AddObjectRef(module, "LANES", lanes)
        || PyModule_AddObjectRef(module, "PAYS", pays) || PyModule_AddType(module, *type);
    Py_XDECREF(lanes);
    Py_XDECREF(pays);
    return failed ? -1 : 0;
}

static int visit_module(PyObject *module, visitproc visit, void *arg)
{
    Py_VISIT(*(PyObject **)PyModule_GetState(module));
    return 0;
}

static int clear_module(PyObject *module)
{
    Py_CLEAR(*(PyObject **)PyModule_GetState(module));
    return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, run_module}, {0}};
static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "preservation.fixity._sha2",
    .m_doc = "SHA-256 and SHA-512 of many messages at once.",
    .m_size = sizeof(PyTypeObject *),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = visit_module,
    .m_clear = clear_module,
};

PyMODINIT_FUNC PyInit__sha2(void)
{
    return PyModuleDef_Init(&definition);
}
