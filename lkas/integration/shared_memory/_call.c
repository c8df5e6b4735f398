/* A channel's `write` or `loan` whose keywords are parsed here: a third of the time of a Python function that hands
 * them on. packing.py makes one from the function that declares the parameters. */
#include "_call.h"

#include <stddef.h>
#include <time.h>

#define MOST_PARAMETERS 31

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *declaration;      /* the function; whatever does not fit is left to it, to raise what Python raises */
    PyMethodDescrObject *via;   /* takes the values by position */
    PyObject *names, *defaults; /* of the parameters; a dict */
    PyObject *values[MOST_PARAMETERS]; /* the defaults by position, borrowed; NULL: required */
    Py_ssize_t positional_count, count;
    int position[MOST_PARAMETERS];          /* of each parameter among the values that `via` gets */
    int timestamp, capture_ns, valid_until; /* positions of what is filled in when it is None; -1: no such parameter */
    double valid_s;
    PyObject *seen_names;                /* the keywords of the last call: a call site hands over the same tuple */
    Py_ssize_t seen_count;               /* every time, and with as many positional arguments */
    int seen[MOST_PARAMETERS];           /* the positions of those keywords */
} Call;

/* Where a keyword belongs, or -1. Callers mostly name the parameters in their order, and names are interned. */
static int find_name(const Call *self, PyObject *name, int expected) {
    for (int i = 0; i < self->count; ++i) {
        int place = (expected + i) % (int)self->count;
        if (PyTuple_GET_ITEM(self->names, place) == name) return place;
    }
    for (int place = 0; place < self->count; ++place)
        if (PyUnicode_Compare(PyTuple_GET_ITEM(self->names, place), name) == 0) return place;
    return -1;
}

/* Learn where the keywords of a call belong: 0, or -1 when the arguments do not fit. */
static int learn(Call *self, Py_ssize_t count, PyObject *names) {
    uint32_t given = (1u << count) - 1;
    int place = (int)count - 1;
    self->seen_count = -1;
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i) {
        place = find_name(self, PyTuple_GET_ITEM(names, i), place + 1);
        if (place < 0 || given >> place & 1) return -1;
        given |= 1u << place;
        self->seen[i] = self->position[place];
    }
    for (Py_ssize_t i = 0; i < self->count; ++i)
        if (!self->values[self->position[i]] && !(given >> i & 1)) return -1;
    Py_XSETREF(self->seen_names, Py_XNewRef(names));
    self->seen_count = count;
    return 0;
}

/* Spread the arguments over the values: 0, or -1 when they do not fit. */
static int spread(Call *self, PyObject *const *args, Py_ssize_t count, PyObject *names, PyObject **values) {
    if (count > self->positional_count) return -1;
    if ((names != self->seen_names || count != self->seen_count) && learn(self, count, names)) return -1;
    memcpy(values, self->values, (size_t)self->count * sizeof *values);
    for (Py_ssize_t i = 0; i < count; ++i) values[self->position[i]] = args[i];
    for (Py_ssize_t i = 0; names && i < PyTuple_GET_SIZE(names); ++i) values[self->seen[i]] = args[count + i];
    return 0;
}

/* Stamps left out are taken now. `made` owns what is made. */
static int fill_in(const Call *self, PyObject **values, PyObject **made) {
    if (values[self->timestamp] == Py_None || values[self->capture_ns] == Py_None) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (values[self->timestamp] == Py_None)
            values[self->timestamp] = made[0] = PyFloat_FromDouble((double)now.tv_sec + 1e-9 * (double)now.tv_nsec);
        if (values[self->capture_ns] == Py_None)
            values[self->capture_ns] = made[1] =
                PyLong_FromLongLong((long long)now.tv_sec * 1000000000 + now.tv_nsec);
        if (!values[self->timestamp] || !values[self->capture_ns]) return -1;
    }
    if (self->valid_until >= 0 && values[self->valid_until] == Py_None) {
        const double timestamp = PyFloat_AsDouble(values[self->timestamp]);
        PyErr_Clear(); /* what is no number is refused when it is packed, by the field's name */
        values[self->valid_until] = made[2] = PyFloat_FromDouble(timestamp + self->valid_s);
        if (!made[2]) return -1;
    }
    return 0;
}

static PyObject *Call_vectorcall(Call *self, PyObject *const *args, size_t flags, PyObject *names) {
    const Py_ssize_t count = PyVectorcall_NARGS(flags);
    PyObject *values[MOST_PARAMETERS], *made[3] = {NULL, NULL, NULL}, *result = NULL;
    if (count < 1 || !PyObject_TypeCheck(args[0], self->via->d_common.d_type) ||
        spread(self, args + 1, count - 1, names, values)) {
        result = PyObject_Vectorcall(self->declaration, args, flags, names);
        if (!result) return NULL;
        Py_DECREF(result);
        PyErr_Format(PyExc_TypeError, "%R needs a channel first", self->declaration);
        return NULL;
    }
    if (!fill_in(self, values, made))
        result = ((_PyCFunctionFast)(void (*)(void))self->via->d_method->ml_meth)(args[0], values, self->count);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(made); ++i) Py_XDECREF(made[i]);
    return result;
}

static int position_of(const Call *self, const char *name) {
    for (int i = 0; i < self->count; ++i)
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(self->names, i), name) == 0) return self->position[i];
    return -1;
}

static int Call_init(Call *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"declaration", "via", "names", "positional_count", "defaults", "order", "valid_s", NULL};
    PyObject *declaration, *via, *names, *defaults, *order;
    if (self->declaration) {
        PyErr_SetString(PyExc_TypeError, "a Call is initialised once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!nO!O!d", keywords, &PyFunction_Type, &declaration,
                                     &PyMethodDescr_Type, &via, &PyTuple_Type, &names, &self->positional_count,
                                     &PyDict_Type, &defaults, &PyTuple_Type, &order, &self->valid_s))
        return -1;
    self->declaration = Py_NewRef(declaration);
    self->via = (PyMethodDescrObject *)Py_NewRef(via);
    self->names = Py_NewRef(names);
    self->defaults = Py_NewRef(defaults);
    self->count = PyTuple_GET_SIZE(names);
    if (self->count > MOST_PARAMETERS || PyTuple_GET_SIZE(order) != self->count ||
        self->via->d_method->ml_flags != METH_FASTCALL) {
        PyErr_Format(PyExc_TypeError,
                     "%R: a Call has at most %d parameters, all of them in order, and goes on to a METH_FASTCALL method",
                     declaration, MOST_PARAMETERS);
        return -1;
    }
    for (Py_ssize_t i = 0; i < self->count; ++i) {
        const long place = PyLong_AsLong(PyTuple_GET_ITEM(order, i));
        if (place < 0 || place >= self->count) {
            if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "no parameter has index %ld", place);
            return -1;
        }
        self->position[place] = (int)i;
        self->values[i] = PyDict_GetItemWithError(defaults, PyTuple_GET_ITEM(names, place));
        if (!self->values[i] && PyErr_Occurred()) return -1;
    }
    self->timestamp = position_of(self, "timestamp");
    self->capture_ns = position_of(self, "capture_ns");
    self->valid_until = position_of(self, "valid_until");
    if (self->timestamp < 0 || self->capture_ns < 0) {
        PyErr_Format(PyExc_TypeError, "%R: the stamps are missing", declaration);
        return -1;
    }
    self->seen_count = -1;
    self->vectorcall = (vectorcallfunc)Call_vectorcall;
    return 0;
}

static void Call_dealloc(Call *self) {
    Py_XDECREF(self->declaration);
    Py_XDECREF(self->via);
    Py_XDECREF(self->names);
    Py_XDECREF(self->defaults);
    Py_XDECREF(self->seen_names);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *Call_get(PyObject *self, PyObject *channel, PyObject *type) {
    return channel ? PyMethod_New(self, channel) : Py_NewRef(self);
}

/* For help() and inspect.signature(): what the declaration says. */
static PyObject *Call_of_declaration(Call *self, void *name) {
    return PyObject_GetAttrString(self->declaration, (const char *)name);
}

static PyObject *Call_wrapped(Call *self, void *unused) { return Py_NewRef(self->declaration); }

static PyGetSetDef Call_properties[] = {
    {"__doc__", (getter)Call_of_declaration, NULL, NULL, "__doc__"},
    {"__name__", (getter)Call_of_declaration, NULL, NULL, "__name__"},
    {"__qualname__", (getter)Call_of_declaration, NULL, NULL, "__qualname__"},
    {"__wrapped__", (getter)Call_wrapped, NULL, NULL, NULL},
    {NULL},
};

PyTypeObject Call_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory._core.Call",
    .tp_basicsize = sizeof(Call),
    .tp_vectorcall_offset = offsetof(Call, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Call_init,
    .tp_dealloc = (destructor)Call_dealloc,
    .tp_descr_get = Call_get,
    .tp_getset = Call_properties,
};
