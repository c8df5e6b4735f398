/* How a message struct lies in memory, and the ways there and back without an object in between. */
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

/* (name, kind, offset, presence, count, capacity, stride, detail), as records.py writes it */
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

/* Where the struct keeps this attribute: structs have slots, and a slot's descriptor knows its place. */
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
    .tp_doc = "Record(message_type, size, schema_hash, stamp_offset, fields): how a struct lies in memory.",
};

/* ------------------------------------------------------------------ packing */

static int pack_fields(const Record *record, char *base, PyObject *value);

/* Say which field, and what was there; an exception of the conversion itself becomes the cause's text. */
static int refuse(const Record *record, const field *f, const char *expected, PyObject *value) {
    PyErr_Clear();
    PyErr_Format(record_error, "%s.%U: expected %s, found %.200R (%s)", record->name, f->name, expected, value,
                 Py_TYPE(value)->tp_name);
    return -1;
}

static int pack_text(const Record *record, const field *f, char *base, PyObject *value) {
    Py_ssize_t length;
    const char *text = PyUnicode_Check(value) ? PyUnicode_AsUTF8AndSize(value, &length) : NULL;
    if (!text) return refuse(record, f, "a text", value);
    if (length > f->capacity) {
        length = f->capacity;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) --length; /* not within a character */
    }
    uint32_t count = (uint32_t)length;
    memcpy(base + f->count, &count, sizeof count);
    memcpy(base + f->offset, text, (size_t)length);
    return 0;
}

/* From anything with contiguous bytes. Unlike a text they are never cut. */
static int pack_bytes(const Record *record, const field *f, char *base, PyObject *value) {
    Py_buffer view;
    if (PyObject_GetBuffer(value, &view, PyBUF_SIMPLE)) return refuse(record, f, "bytes", value);
    const Py_ssize_t length = view.len;
    if (length <= f->capacity) {
        uint32_t count = (uint32_t)length;
        memcpy(base + f->count, &count, sizeof count);
        memcpy(base + f->offset, view.buf, (size_t)length);
    } else {
        PyErr_Format(record_error, "%s.%U: expected at most %zd bytes, found %zd", record->name, f->name, f->capacity,
                     length);
    }
    PyBuffer_Release(&view);
    return length <= f->capacity ? 0 : -1;
}

static int pack_value(const Record *record, const field *f, char *base, PyObject *value) {
    char *place = base + f->offset;
    switch (f->kind) {
    case KIND_FLOAT: {
        double number = PyFloat_CheckExact(value) ? PyFloat_AS_DOUBLE(value) : PyFloat_AsDouble(value);
        if (number == -1.0 && PyErr_Occurred()) return refuse(record, f, "a number", value);
        memcpy(place, &number, sizeof number);
        return 0;
    }
    case KIND_INT: {
        long long number = PyLong_AsLongLong(value); /* takes whatever has __index__ */
        if (number == -1 && PyErr_Occurred()) return refuse(record, f, "a whole number of at most 64 bits", value);
        memcpy(place, &number, sizeof number);
        return 0;
    }
    case KIND_BOOL: {
        int truth = PyObject_IsTrue(value);
        if (truth < 0) return refuse(record, f, "true or false", value);
        *place = (char)truth;
        return 0;
    }
    case KIND_ENUM: {
        int32_t ordinal = 0, count = (int32_t)PyTuple_GET_SIZE(f->members);
        while (ordinal < count && PyTuple_GET_ITEM(f->members, ordinal) != value) ++ordinal;
        if (ordinal == count) { /* a StrEnum's plain text counts as the member */
            PyObject *index = PyDict_GetItemWithError(f->ordinals, value);
            if (!index) return refuse(record, f, "a member of its enum", value);
            ordinal = (int32_t)PyLong_AsLong(index);
        }
        memcpy(place, &ordinal, sizeof ordinal);
        return 0;
    }
    case KIND_TEXT:
        return pack_text(record, f, base, value);
    case KIND_BYTES:
        return pack_bytes(record, f, base, value);
    case KIND_STRUCT:
        if (!PyObject_TypeCheck(value, f->record->type)) return refuse(record, f, f->record->name, value);
        return pack_fields(f->record, place, value);
    case KIND_TUPLE: {
        PyObject *items = PyUnicode_Check(value) ? NULL : PySequence_Tuple(value);
        if (!items) return refuse(record, f, "a tuple", value);
        uint32_t count = (uint32_t)PyTuple_GET_SIZE(items);
        int failed = PyTuple_GET_SIZE(items) > f->capacity;
        if (failed)
            PyErr_Format(record_error, "%s.%U: expected at most %zd elements, found %zd", record->name, f->name,
                         f->capacity, PyTuple_GET_SIZE(items));
        for (uint32_t i = 0; i < count && !failed; ++i) {
            field element = *f->element;
            element.name = f->name;
            failed = pack_value(record, &element, place + i * (size_t)f->stride, PyTuple_GET_ITEM(items, i));
        }
        Py_DECREF(items);
        memcpy(base + f->count, &count, sizeof count);
        return failed ? -1 : 0;
    }
    case KIND_STAMP:
    case KIND_OBJECT:
        break;
    }
    return 0;
}

/* The record at `base` is zeroed, so that None leaves a clear presence flag. */
static int pack_field(const Record *record, const field *f, char *base, PyObject *value) {
    if (f->presence >= 0) {
        if (value == Py_None) return 0;
        base[f->presence] = 1;
    }
    return pack_value(record, f, base, value);
}

static int pack_fields(const Record *record, char *base, PyObject *value) {
    for (Py_ssize_t i = 0; i < record->field_count; ++i) {
        const field *f = &record->fields[i];
        PyObject *attribute = *(PyObject **)((char *)value + f->member_offset);
        if (!attribute) {
            PyErr_Format(record_error, "%s.%U is not set", record->name, f->name);
            return -1;
        }
        if (pack_field(record, f, base, attribute)) return -1;
    }
    return 0;
}

int record_pack(const Record *record, char *base, PyObject *message) {
    memset(base, 0, (size_t)record->size);
    return pack_fields(record, base, message);
}

int record_pack_values(const Record *record, char *base, PyObject *const *values, Py_ssize_t count) {
    if (count != record->given_count) {
        PyErr_Format(PyExc_TypeError, "%s: expected %zd values, found %zd", record->name, record->given_count, count);
        return -1;
    }
    memset(base, 0, (size_t)record->size);
    for (Py_ssize_t i = 0; i < record->field_count; ++i) {
        const field *f = &record->fields[i];
        if (f->kind == KIND_STAMP || f->kind == KIND_OBJECT) continue;
        if (pack_field(record, f, base, *values++)) return -1;
    }
    return 0;
}

/* ------------------------------------------------------------------ unpacking */

static PyObject *unpack_value(const field *f, const char *base, PyObject *image) {
    const char *place = base + f->offset;
    switch (f->kind) {
    case KIND_FLOAT: {
        double number;
        memcpy(&number, place, sizeof number);
        return PyFloat_FromDouble(number);
    }
    case KIND_INT:
    case KIND_STAMP: {
        long long number;
        memcpy(&number, place, sizeof number);
        return PyLong_FromLongLong(number);
    }
    case KIND_BOOL:
        return PyBool_FromLong(*place);
    case KIND_ENUM: {
        int32_t ordinal;
        memcpy(&ordinal, place, sizeof ordinal);
        if (ordinal < 0 || ordinal >= PyTuple_GET_SIZE(f->members)) {
            PyErr_Format(record_error, "%U: no member has index %d", f->name, (int)ordinal);
            return NULL;
        }
        return Py_NewRef(PyTuple_GET_ITEM(f->members, ordinal));
    }
    case KIND_TEXT:
    case KIND_BYTES: {
        uint32_t length;
        memcpy(&length, base + f->count, sizeof length);
        if (length > f->capacity) length = (uint32_t)f->capacity;
        if (f->kind == KIND_BYTES) return PyBytes_FromStringAndSize(place, (Py_ssize_t)length);
        /* a C writer's slip must not stop a reader */
        return PyUnicode_DecodeUTF8(place, (Py_ssize_t)length, "replace");
    }
    case KIND_STRUCT:
        return record_unpack(f->record, place, NULL);
    case KIND_TUPLE: {
        uint32_t count;
        memcpy(&count, base + f->count, sizeof count);
        if (count > f->capacity) count = (uint32_t)f->capacity;
        PyObject *items = PyTuple_New((Py_ssize_t)count);
        for (uint32_t i = 0; items && i < count; ++i) {
            PyObject *item = unpack_value(f->element, place + i * (size_t)f->stride, NULL);
            if (item) PyTuple_SET_ITEM(items, i, item);
            else Py_CLEAR(items);
        }
        return items;
    }
    case KIND_OBJECT:
        return Py_NewRef(image ? image : Py_None);
    }
    Py_UNREACHABLE();
}

PyObject *record_unpack(const Record *record, const char *base, PyObject *image) {
    PyObject *message = record->type->tp_alloc(record->type, 0);
    if (!message) return NULL;
    for (Py_ssize_t i = 0; i < record->field_count; ++i) {
        const field *f = &record->fields[i];
        const int is_absent = f->presence >= 0 && !base[f->presence];
        PyObject *value = is_absent ? Py_NewRef(Py_None) : unpack_value(f, base, image);
        if (!value) {
            Py_DECREF(message);
            return NULL;
        }
        *(PyObject **)((char *)message + f->member_offset) = value;
    }
    if (PyType_IS_GC(record->type)) PyObject_GC_UnTrack(message); /* plain values only: no cycle can go through it */
    return message;
}
