/* A binary record into a new message. */
#include "_record.h"

static PyObject *unpack_value(const Record *record, const field *f, const char *base, PyObject *image) {
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
            PyErr_Format(record_error, "%s.%U: no member has index %d", record->name, f->name, (int)ordinal);
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
        /* invalid UTF-8 of a C writer must not stop a reader */
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
            PyObject *item = unpack_value(record, f->element, place + i * (size_t)f->stride, NULL);
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
        PyObject *value = is_absent ? Py_NewRef(Py_None) : unpack_value(record, f, base, image);
        if (!value) {
            Py_DECREF(message);
            return NULL;
        }
        *(PyObject **)((char *)message + f->member_offset) = value;
    }
    if (PyType_IS_GC(record->type)) PyObject_GC_UnTrack(message); /* plain values only, so it is in no cycle */
    return message;
}
