/* Arguments of the kernels from Python: arrays with a checked element type and length, and structs read by field name.
   Every array stays valid until release_arrays. */
#ifndef LKAS_DETECTION_ARGUMENTS_H
#define LKAS_DETECTION_ARGUMENTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>

enum { MAX_ARRAYS = 12 };

typedef struct {
    Py_buffer at[MAX_ARRAYS];
    int count;
} Arrays;

typedef enum { FLOAT64, FLOAT32, INT64, INT32, INT8, UINT8, BOOL } ElementType;
typedef enum { READ_ONLY, WRITABLE } Access;

/* Memory of a C-contiguous array of `length` elements of this type. A negative length accepts any; length_of defines it.
   NULL with an exception set (TypeError for the type, ValueError for the length). */
void *array_of(Arrays *arrays, PyObject *object, const char *name, ElementType type, Py_ssize_t length, Access access);
/* The same for an attribute of a struct. */
void *array_field(Arrays *arrays, PyObject *owner, const char *name, ElementType type, Py_ssize_t length,
                  Access access);
/* Elements of the array taken last. */
Py_ssize_t length_of(const Arrays *arrays);
/* Its first two dimensions; -1 with an exception set if it has fewer. */
int shape_of(const Arrays *arrays, const char *name, int *rows, int *columns);
void release_arrays(Arrays *arrays);

typedef enum { DOUBLE, FLOAT, INT, FLAG } FieldKind;

typedef struct {
    const char *name; /* attribute of the Python struct */
    FieldKind kind;
    size_t offset;  /* in the C struct */
    PyObject *key;  /* the name, interned by intern_fields */
} Field;

#define FIELD(name, kind, type, member) {name, kind, offsetof(type, member), NULL}
#define END_OF_FIELDS {NULL, INT, 0, NULL}

/* Once at import. 0, or -1 with an exception set. */
int intern_fields(Field *fields);
/* Copy all fields from the attributes of a Python struct. 0, or -1 with an exception set that names the field. */
int read_fields(PyObject *object, const Field *fields, void *into);

#endif
