/* The Record type: where each field of a message is in the binary record and in the struct object. */
#include "_record.h"

#include <structmember.h>

PyObject *record_error;

static const char *const kind_names[] = {"bool", "int", "float", "enum", "text", "bytes", "struct", "tuple", "stamp", "object"};

static void clear_field(field *f) {
    Py_CLEAR(f->name);
    Py_CLEAR(f->members);
    Py_CLEAR(f->ordinals);
    Py_CLEAR(f->record);
    if (f->element) clear_field(f->element);
    PyMem_Free(f->element);
    f->element = NULL;
}

static int parse_enum(field *f, PyObject *members) {
    if (!PyTuple_Check(members)) {
        PyErr_SetString(PyExc_TypeError, "an enum field needs the tuple of its members");
        return -1;
    }
    f->members = Py_NewRef(members);
    if (!(f->ordinals = PyDict_New())) return -1;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(members); ++i) {
        PyObject *index = PyLong_FromSsize_t(i);
        int failed = !index || PyDict_SetItem(f->ordinals, PyTuple_GET_ITEM(members, i), index);
        Py_XDECREF(index);
        if (failed) return -1;
    }
    return 0;
}

/* (name, kind, offset, presence, count, capacity, stride, detail), as packing.py makes it */
static int parse_field(field *f, PyObject *description) {
    const char *kind;
    PyObject *name, *detail;
    memset(f, 0, sizeof *f);
    if (!PyArg_ParseTuple(description, "UsnnnnnO", &name, &kind, &f->offset, &f->presence, &f->count, &f->capacity,
                          &f->stride, &detail))
        return -1;
    f->name = Py_NewRef(name);
    size_t k = 0;
    while (k < Py_ARRAY_LENGTH(kind_names) && strcmp(kind, kind_names[k])) ++k;
    if (k == Py_ARRAY_LENGTH(kind_names)) {
        PyErr_Format(PyExc_ValueError, "%U: unknown kind %s", name, kind);
        return -1;
    }
    f->kind = (enum kind)k;
    if (f->kind == KIND_ENUM) return parse_enum(f, detail);
    if (f->kind == KIND_STRUCT) {
        if (!PyObject_TypeCheck(detail, &Record_Type)) {
            PyErr_Format(PyExc_TypeError, "%U: a struct field needs its Record", name);
            return -1;
        }
        f->record = (Record *)Py_NewRef(detail);
    } else if (f->kind == KIND_TUPLE) {
        if (!(f->element = PyMem_Calloc(1, sizeof *f->element))) {
            PyErr_NoMemory();
            return -1;
        }
        return parse_field(f->element, detail);
    }
    return 0;
}

/* Find the offset of an attribute in the struct object, from the descriptor of its slot. */
static int find_member(PyTypeObject *type, field *f) {
    PyObject *descriptor = PyObject_GetAttr((PyObject *)type, f->name);
    if (!descriptor) return -1;
    int is_slot = Py_IS_TYPE(descriptor, &PyMemberDescr_Type) &&
                  ((PyMemberDescrObject *)descriptor)->d_member->type == T_OBJECT_EX;
    if (is_slot) f->member_offset = ((PyMemberDescrObject *)descriptor)->d_member->offset;
    else PyErr_Format(PyExc_TypeError, "%s.%U is not a slot of a struct", type->tp_name, f->name);
    Py_DECREF(descriptor);
    return is_slot ? 0 : -1;
}

static int Record_init(Record *self, PyObject *args, PyObject *kwargs) {
    static char *names[] = {"message_type", "size", "schema_hash", "stamp_offset", "fields", NULL};
    PyObject *type, *fields;
    if (self->fields) {
        PyErr_SetString(PyExc_TypeError, "a Record is initialised once");
        return -1;
    }
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!nKIO!", names, &PyType_Type, &type, &self->size,
                                     &self->schema_hash, &self->stamp_offset, &PyTuple_Type, &fields))
        return -1;
    self->type = (PyTypeObject *)Py_NewRef(type);
    self->name = strrchr(self->type->tp_name, '.') ? strrchr(self->type->tp_name, '.') + 1 : self->type->tp_name;
    if (self->size < 0 || self->size > RECORD_MAX_BYTES) {
        PyErr_Format(PyExc_ValueError, "%s: a record of %zd bytes is larger than %d", self->name, self->size,
                     RECORD_MAX_BYTES);
        return -1;
    }
    if (!(self->fields = PyMem_Calloc((size_t)PyTuple_GET_SIZE(fields) + 1, sizeof(field)))) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(fields); ++i) {
        field *f = &self->fields[i];
        self->field_count = i + 1;
        if (parse_field(f, PyTuple_GET_ITEM(fields, i)) || find_member(self->type, f)) return -1;
        self->has_image |= f->kind == KIND_OBJECT;
        self->given_count += f->kind != KIND_OBJECT && f->kind != KIND_STAMP;
    }
    return 0;
}

static void Record_dealloc(Record *self) {
    for (Py_ssize_t i = 0; i < self->field_count; ++i) clear_field(&self->fields[i]);
    PyMem_Free(self->fields);
    Py_XDECREF(self->type);
    Py_TYPE(self)->tp_free((PyObject *)self);
}

PyTypeObject Record_Type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "lkas.integration.shared_memory._core.Record",
    .tp_basicsize = sizeof(Record),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = PyType_GenericNew,
    .tp_init = (initproc)Record_init,
    .tp_dealloc = (destructor)Record_dealloc,
    .tp_doc = "Record(message_type, size, schema_hash, stamp_offset, fields): the memory layout of a struct.",
};
