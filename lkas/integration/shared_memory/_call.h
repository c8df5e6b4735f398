/* A method whose parameters are the fields of a message. */
#ifndef LKAS_CALL_H
#define LKAS_CALL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyTypeObject MessageCall_Type;

#endif
