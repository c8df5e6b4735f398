/* lkas_json.h as a library, for tests to call. Texts are copied, so that a look beyond the end is one into the heap. */
#include <lkas_json.h>

static char *copied(const char *text, size_t bytes) {
    char *copy = (char *)malloc(bytes ? bytes : 1);
    if (bytes) memcpy(copy, text, bytes);
    return copy;
}

int is_object(const char *text, size_t bytes) {
    lkas_json object;
    char *copy = copied(text, bytes);
    const int result = lkas_json_object(copy, bytes, &object);
    free(copy);
    return result;
}

/* The members of an object: 0 when there are not `count`. */
int count_members(const char *text, size_t bytes) {
    lkas_json object;
    lkas_json_member member;
    int count = 0;
    if (!lkas_json_object(text, bytes, &object)) return -1;
    for (const char *at = NULL; lkas_json_next(object, &at, &member);) ++count;
    return count;
}

int number_of(const char *text, size_t bytes, const char *name, double *number) {
    lkas_json object, value;
    return lkas_json_object(text, bytes, &object) && lkas_json_find(object, name, &value) &&
           lkas_json_number(value, number);
}

int text_of(const char *text, size_t bytes, const char *name, char *found, size_t capacity) {
    lkas_json object, value;
    return lkas_json_object(text, bytes, &object) && lkas_json_find(object, name, &value) &&
           lkas_json_text(value, found, capacity);
}

void quote(char *text, size_t capacity, const char *words) { lkas_json_quote(text, capacity, words); }
