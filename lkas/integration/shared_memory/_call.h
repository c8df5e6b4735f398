/* A method whose arguments are the fields of a message, by name. */
#ifndef LKAS_CALL_H
#define LKAS_CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyTypeObject Call_Type;

#endif
