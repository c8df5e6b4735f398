/* A message struct and its binary record; layout.py places the fields, packing.py passes the places on. */
#ifndef LKAS_RECORD_H
#define LKAS_RECORD_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#define RECORD_MAX_BYTES 4096

enum kind { KIND_BOOL, KIND_INT, KIND_FLOAT, KIND_ENUM, KIND_TEXT, KIND_BYTES, KIND_STRUCT, KIND_TUPLE, KIND_STAMP, KIND_OBJECT };

typedef struct Record Record;

typedef struct field {
    PyObject *name;
    enum kind kind;
    Py_ssize_t offset, presence, count; /* in the record; presence and count: -1 for none */
    Py_ssize_t capacity, stride;
    Py_ssize_t member_offset;     /* of the attribute in the struct object */
    PyObject *members, *ordinals; /* of an enum: tuple of members, dict member -> index */
    Record *record;               /* of a nested struct */
    struct field *element;        /* of a tuple */
} field;

struct Record {
    PyObject_HEAD
    PyTypeObject *type;
    const char *name;
    unsigned long long schema_hash;
    Py_ssize_t size, field_count, given_count; /* given: not set by the channel */
    uint32_t stamp_offset;
    int has_image;
    field *fields;
};

extern PyTypeObject Record_Type;
extern PyObject *record_error; /* SHMSerializationError, set when the module is imported */

/* `base` has the record's size. These return 0, or -1 with an exception that names the field. */
int record_pack(const Record *record, char *base, PyObject *message);

/* From the values of a call, in the order of the struct's fields: all but those that the channel sets. */
int record_pack_values(const Record *record, char *base, PyObject *const *values, Py_ssize_t count);

/* A new message; `image` becomes its field of kind object. */
PyObject *record_unpack(const Record *record, const char *base, PyObject *image);

#endif
