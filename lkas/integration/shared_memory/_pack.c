/* Field values into a binary record, without an object in between. */
#include "_record.h"

static int pack_fields(const Record *record, char *base, PyObject *value);

/* Raise an error with field, expected and found; it replaces the exception of the conversion. */
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
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) --length; /* do not cut within a character */
    }
    uint32_t count = (uint32_t)length;
    memcpy(base + f->count, &count, sizeof count);
    memcpy(base + f->offset, text, (size_t)length);
    return 0;
}

/* Takes any object with contiguous bytes. Unlike a text they are never cut. */
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
        long long number = PyLong_AsLongLong(value); /* takes any object that has __index__ */
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
        if (ordinal == count) { /* the plain text of a StrEnum counts as its member */
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

/* The record at `base` is zeroed, so None leaves the presence flag clear. */
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
