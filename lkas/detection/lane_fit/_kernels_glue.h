/* What the two halves of the glue share. */
#ifndef LKAS_DETECTION_KERNELS_GLUE_H
#define LKAS_DETECTION_KERNELS_GLUE_H

#include "_arguments.h"
#include "_kernels.h"

/* Add the functions of _kernels_fit.c. 0, or -1 with an exception set. */
int add_fit_functions(PyObject *module);

#endif
