/* A channel's `write` or `loan`: takes the fields of a message by name and passes their values on by position.
 *
 * message_call.py derives the parameters from the message struct. The keywords are parsed here because a Python function
 * with the same parameters takes 0.3 us longer per call: a quarter of what nine values need from one process to another
 * (`lkas bench ipc`, row "nine typed fields"). */
#include "_call.h"

#include <stddef.h>
#include <structmember.h>
#include <time.h>

#define MAX_PARAMETERS 63 /* a bit each in `required` */

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyMethodDescrObject *target; /* takes the values by position */
    PyObject *message_name;      /* for error texts */
    PyObject *parameters;        /* tuple of their names, in the order of the signature */
    PyObject *defaults;          /* dict by name; required parameters have none */
    PyObject *name, *doc, *signature;
    PyObject *values[MAX_PARAMETERS]; /* defaults in the order of `target`, borrowed; NULL: required */
    Py_ssize_t count, positional_count;
    uint64_t required;                      /* bit i: parameter i */
    int position[MAX_PARAMETERS];           /* of each parameter among the values of `target` */
    int timestamp, capture_ns, valid_until; /* positions of the values that are set here when None; -1: not there */
    double valid_s;
} MessageCall;

/* The index of a parameter, or -1. Callers mostly follow the order of the signature, and names are interned. */
static int find_parameter(const MessageCall *self, PyObject *name, int expected) {
    for (int index = expected; index < self->count; ++index)
        if (PyTuple_GET_ITEM(self->parameters, index) == name) return index;
    for (int index = 0; index < self->count; ++index)
        if (PyTuple_GET_ITEM(self->parameters, index) == name) return index;
    for (int index = 0; index < self->count; ++index) /* a name that was made at run time */
        if (PyUnicode_Compare(PyTuple_GET_ITEM(self->parameters, index), name) == 0) return index;
    return -1;
}

static int refuse_missing(const MessageCall *self, uint64_t given) {
    int index = 0;
    while (!((self->required & ~given) >> index & 1)) ++index;
    PyErr_Format(PyExc_TypeError, "%U.%U: missing, %U() needs it", self->message_name,
                 PyTuple_GET_ITEM(self->parameters, index), self->name);
    return -1;
}

/* Put the arguments in the order of `target`: 0, or -1 and a TypeError that names message and field. */
static int arrange(const MessageCall *self, PyObject *const *arguments, Py_ssize_t count, PyObject *keywords,
                   PyObject **values) {
    if (count > self->positional_count) {
        PyErr_Format(PyExc_TypeError, "%U: %U() takes %zd fields by position, found %zd; name the others",
                     self->message_name, self->name, self->positional_count, count);
        return -1;
    }
    memcpy(values, self->values, (size_t)self->count * sizeof *values);
    for (Py_ssize_t i = 0; i < count; ++i) values[self->position[i]] = arguments[i];
    uint64_t given = (UINT64_C(1) << count) - 1;
    int index = (int)count - 1;
    for (Py_ssize_t i = 0; keywords && i < PyTuple_GET_SIZE(keywords); ++i) {
        PyObject *keyword = PyTuple_GET_ITEM(keywords, i);
        index = find_parameter(self, keyword, index + 1);
        if (index < 0 || given >> index & 1) {
            PyErr_Format(PyExc_TypeError, index < 0 ? "%U.%U: no field that %U() takes" : "%U.%U: %U() got it twice",
                         self->message_name, keyword, self->name);
            return -1;
        }
        given |= UINT64_C(1) << index;
        values[self->position[index]] = arguments[count + i];
    }
    return self->required & ~given ? refuse_missing(self, given) : 0;
}

/* Set the time stamps that are None. `made` owns the new values. */
static int set_stamps(const MessageCall *self, PyObject **values, PyObject **made) {
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
        PyErr_Clear(); /* packing refuses a timestamp that is no number, and names it */
        values[self->valid_until] = made[2] = PyFloat_FromDouble(timestamp + self->valid_s);
        if (!made[2]) return -1;
    }
    return 0;
}

static PyObject *MessageCall_vectorcall(MessageCall *self, PyObject *const *arguments, size_t flags,
                                        PyObject *keywords) {
    const Py_ssize_t count = PyVectorcall_NARGS(flags);
    PyObject *values[MAX_PARAMETERS], *made[3] = {NULL, NULL, NULL}, *result = NULL;
    if (count < 1 || !PyObject_TypeCheck(arguments[0], self->target->d_common.d_type)) {
        PyErr_Format(PyExc_TypeError, "%U: %U() needs a channel as its first argument", self->message_name, self->name);
        return NULL;
    }
    if (arrange(self, arguments + 1, count - 1, keywords, values)) return NULL;
    if (!set_stamps(self, values, made))
        result = ((_PyCFunctionFast)(void (*)(void))self->target->d_method->ml_meth)(arguments[0], values, self->count);
    for (size_t i = 0; i < Py_ARRAY_LENGTH(made); ++i) Py_XDECREF(made[i]);
    return result;
}

static int position_of(const MessageCall *self, const char *name) {
    for (int i = 0; i < self->count; ++i)
        if (PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(self->parameters, i), name) == 0)
            return self->position[i];
    return -1;
}

static int set_parameters(MessageCall *self, PyObject *positions) {
    for (Py_ssize_t i = 0; i < self->count; ++i) {
        const long position = PyLong_AsLong(PyTuple_GET_ITEM(positions, i));
        if (position < 0 || position >= self->count) {
            if (!PyErr_Occurred()) PyErr_Format(PyExc_ValueError, "there is no value %ld", position);
            return -1;
        }
        PyObject *value = PyDict_GetItemWithError(self->defaults, PyTuple_GET_ITEM(self->parameters, i));
        if (!value && PyErr_Occurred()) return -1;
        self->position[i] = (int)position;
        self->values[position] = value;
        if (!value) self->required |= UINT64_C(1) << i;
    }
    self->timestamp = position_of(self, "timestamp");
    self->capture_ns = position_of(self, "capture_ns");
    self->valid_until = position_of(self, "valid_until");
    if (self->timestamp >= 0 && self->capture_ns >= 0) return 0;
    PyErr_Format(PyExc_TypeError, "%U has no time stamps", self->message_name);
    return -1;
}

static int MessageCall_init(MessageCall *self, PyObject *args, PyObject *kwargs) {
    static char *keywords[] = {"name",      "message_name", "target", "parameters", "positional_count", "defaults",
                               "positions", "valid_s",      "doc",    "signature",  NULL};
    PyObject *name, *message_name, *target, *parameters, *defaults, *positions, *doc, *signature;
    if (self->target) {
        PyErr_SetString(PyExc_TypeError, "a MessageCall is initialised once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "UUO!O!nO!O!dUO", keywords, &name, &message_name,
                                     &PyMethodDescr_Type, &target, &PyTuple_Type, &parameters, &self->positional_count,
                                     &PyDict_Type, &defaults, &PyTuple_Type, &positions, &self->valid_s, &doc,
                                     &signature))
        return -1;
    self->name = Py_NewRef(name);
    self->message_name = Py_NewRef(message_name);
    self->target = (PyMethodDescrObject *)Py_NewRef(target);
    self->parameters = Py_NewRef(parameters);
    self->defaults = Py_NewRef(defaults);
    self->doc = Py_NewRef(doc);
    self->signature = Py_NewRef(signature);
    self->count = PyTuple_GET_SIZE(parameters);
    if (self->count > MAX_PARAMETERS || PyTuple_GET_SIZE(positions) != self->count ||
        self->target->d_method->ml_flags != METH_FASTCALL) {
        PyErr_Format(PyExc_TypeError, "%U.%U: expected at most %d parameters, a position for each, and a METH_FASTCALL method",
                     message_name, name, MAX_PARAMETERS);
        return -1;
    }
    self->vectorcall = (vectorcallfunc)MessageCall_vectorcall;
    return set_parameters(self, positions);
}

static void MessageCall_dealloc(MessageCall *self) {
    Py_XDECREF(self->name);
    Py_XDECREF(self->message_name);
    Py_XDECREF(self->target);
    Py_XDECREF(self->parameters);
    Py_XDECREF(self->defaults);
    Py_XDECREF(self->doc);
    Py_XDECREF(self->signature);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

static PyObject *MessageCall_get(PyObject *self, PyObject *channel, PyObject *type) {
    return channel ? PyMethod_New(self, channel) : Py_NewRef(self);
}

/* What help() and inspect.signature() show. */
static PyMemberDef MessageCall_members[] = {
    {"__name__", T_OBJECT, offsetof(MessageCall, name), READONLY, NULL},
    {"__doc__", T_OBJECT, offsetof(MessageCall, doc), READONLY, NULL},
    {"__signature__", T_OBJECT, offsetof(MessageCall, signature), READONLY, NULL},
    {NULL},
};

PyTypeObject MessageCall_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory._core.MessageCall",
    .tp_basicsize = sizeof(MessageCall),
    .tp_vectorcall_offset = offsetof(MessageCall, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)MessageCall_init,
    .tp_dealloc = (destructor)MessageCall_dealloc,
    .tp_descr_get = MessageCall_get,
    .tp_members = MessageCall_members,
};
