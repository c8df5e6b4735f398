/* lkas_json.h: the JSON that commands and status files need. Accepts any input, allocates nothing.
 *
 *   lkas_json object, value;
 *   if (lkas_json_object(bytes, count, &object) && lkas_json_find(object, "threshold", &value)) lkas_json_number(...)
 *
 * A text is checked as a whole before anything is looked up in it (RFC 8259: escapes, numbers, nesting, nothing after
 * the end), so that a value is always complete. Of equal names the first one counts. Bytes above 0x7f are not checked
 * for UTF-8.
 */
#ifndef LKAS_JSON_H
#define LKAS_JSON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* for lkas_system.h, should it come later */
#endif
#ifdef __cplusplus
extern "C++" { /* see lkas_system.h */
#endif
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __cplusplus
}
#endif

#define LKAS_JSON_DEPTH 16   /* of objects and arrays within each other */
#define LKAS_JSON_DIGITS 64  /* of a number, sign and exponent included */

/* A value in the text: no copy, valid as long as the text. */
typedef struct lkas_json {
    const char *start, *end;
} lkas_json;

/* One member of an object. */
typedef struct lkas_json_member {
    lkas_json name, value;
} lkas_json_member;

static inline const char *lkas__json_space(const char *at, const char *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) ++at;
    return at;
}

/* Each of the following gets the start of a token and returns its end: NULL when it is not one. */
static inline const char *lkas__json_hex(const char *at, const char *end, unsigned *code) {
    *code = 0;
    for (int i = 0; i < 4; ++i, ++at) {
        if (at == end) return NULL;
        const char digit = (char)(*at | 0x20);
        if (*at >= '0' && *at <= '9') *code = *code * 16 + (unsigned)(*at - '0');
        else if (digit >= 'a' && digit <= 'f') *code = *code * 16 + (unsigned)(digit - 'a' + 10);
        else return NULL;
    }
    return at;
}

static inline const char *lkas__json_text(const char *at, const char *end) {
    unsigned code;
    if (at == end || *at++ != '"') return NULL;
    while (at < end && *at != '"') {
        if ((unsigned char)*at < 0x20) return NULL;
        if (*at++ != '\\') continue;
        if (at == end || !*at || !strchr("\"\\/bfnrtu", *at)) return NULL;
        if (*at++ == 'u' && !(at = lkas__json_hex(at, end, &code))) return NULL;
    }
    return at < end ? at + 1 : NULL;
}

static inline const char *lkas__json_digits(const char *at, const char *end) {
    const char *const start = at;
    while (at < end && *at >= '0' && *at <= '9') ++at;
    return at > start ? at : NULL;
}

static inline const char *lkas__json_number(const char *at, const char *end) {
    const char *const start = at;
    if (at < end && *at == '-') ++at;
    if (at < end && *at == '0') ++at;
    else if (!(at = lkas__json_digits(at, end))) return NULL;
    if (at < end && *at == '.' && !(at = lkas__json_digits(at + 1, end))) return NULL;
    if (at < end && (*at == 'e' || *at == 'E')) {
        ++at;
        if (at < end && (*at == '+' || *at == '-')) ++at;
        if (!(at = lkas__json_digits(at, end))) return NULL;
    }
    return at - start < LKAS_JSON_DIGITS ? at : NULL;
}

static inline const char *lkas__json_value(const char *at, const char *end, int depth);

/* Skip `"name" : ` in front of a value: the start of the value. */
static inline const char *lkas__json_name(const char *at, const char *end) {
    if (!(at = lkas__json_text(at, end))) return NULL;
    at = lkas__json_space(at, end);
    return at < end && *at == ':' ? lkas__json_space(at + 1, end) : NULL;
}

static inline const char *lkas__json_group(const char *at, const char *end, int depth) {
    const int is_object = *at == '{';
    const char closing = is_object ? '}' : ']';
    if (depth == 0) return NULL;
    at = lkas__json_space(at + 1, end);
    if (at < end && *at == closing) return at + 1;
    for (;;) {
        if (is_object && !(at = lkas__json_name(at, end))) return NULL;
        if (!(at = lkas__json_value(at, end, depth - 1))) return NULL;
        at = lkas__json_space(at, end);
        if (at == end) return NULL;
        if (*at == closing) return at + 1;
        if (*at != ',') return NULL;
        at = lkas__json_space(at + 1, end);
    }
}

static inline const char *lkas__json_value(const char *at, const char *end, int depth) {
    static const char *const words[] = {"true", "false", "null"};
    if (at == end) return NULL;
    if (*at == '{' || *at == '[') return lkas__json_group(at, end, depth);
    if (*at == '"') return lkas__json_text(at, end);
    for (int i = 0; i < 3; ++i) {
        const size_t length = strlen(words[i]);
        if ((size_t)(end - at) >= length && memcmp(at, words[i], length) == 0) return at + length;
    }
    return lkas__json_number(at, end);
}

/* Whether the whole text is one well-formed object. */
static inline int lkas_json_object(const char *text, size_t bytes, lkas_json *object) {
    const char *const end = text + bytes;
    object->start = lkas__json_space(text, end);
    if (object->start == end || *object->start != '{') return 0;
    object->end = lkas__json_value(object->start, end, LKAS_JSON_DEPTH);
    return object->end && lkas__json_space(object->end, end) == end;
}

/* The members of an object, one by one: `*at` is NULL before the first. 0 when there is no more. */
static inline int lkas_json_next(lkas_json object, const char **at, lkas_json_member *member) {
    if (!*at) *at = object.start + 1;
    const char *place = lkas__json_space(*at, object.end);
    if (*place == ',') place = lkas__json_space(place + 1, object.end);
    if (*place == '}') return 0;
    member->name.start = place;
    member->name.end = lkas__json_text(place, object.end);
    member->value.start = lkas__json_name(place, object.end);
    *at = member->value.end = lkas__json_value(member->value.start, object.end, LKAS_JSON_DEPTH);
    return 1;
}

static inline size_t lkas__json_put_utf8(char *place, unsigned code) {
    if (code < 0x80) {
        place[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        place[0] = (char)(0xc0 | code >> 6);
        place[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        place[0] = (char)(0xe0 | code >> 12);
        place[1] = (char)(0x80 | (code >> 6 & 0x3f));
        place[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    place[0] = (char)(0xf0 | code >> 18);
    place[1] = (char)(0x80 | (code >> 12 & 0x3f));
    place[2] = (char)(0x80 | (code >> 6 & 0x3f));
    place[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* Copy a string without quotes and escapes, with a closing zero. 0: it is no string, holds a zero or half of a
 * surrogate pair, or does not fit. */
static inline int lkas_json_text(lkas_json value, char *text, size_t capacity) {
    static const char escaped[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    size_t bytes = 0;
    if (*value.start != '"') return 0;
    for (const char *at = value.start + 1; at < value.end - 1;) {
        unsigned code = (unsigned char)*at++, low;
        char place[4];
        size_t count = 1;
        place[0] = (char)code;
        if (code == '\\' && *at != 'u') place[0] = meant[strchr(escaped, *at++) - escaped];
        else if (code == '\\') {
            at = lkas__json_hex(at + 1, value.end, &code);
            if (code >= 0xd800 && code < 0xdc00 && at[0] == '\\' && at[1] == 'u') {
                at = lkas__json_hex(at + 2, value.end, &low);
                if (low < 0xdc00 || low > 0xdfff) return 0;
                code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            }
            if (code == 0 || (code >= 0xd800 && code < 0xe000)) return 0;
            count = lkas__json_put_utf8(place, code);
        }
        if (bytes + count >= capacity) return 0;
        memcpy(text + bytes, place, count);
        bytes += count;
    }
    text[bytes] = '\0';
    return 1;
}

/* Read a finite number. 0: it is none. Follows the locale's decimal point, which is a dot unless the program calls
 * setlocale(). */
static inline int lkas_json_number(lkas_json value, double *number) {
    char digits[LKAS_JSON_DIGITS];
    const size_t length = (size_t)(value.end - value.start);
    if ((*value.start != '-' && (*value.start < '0' || *value.start > '9')) || length >= sizeof digits) return 0;
    memcpy(digits, value.start, length);
    digits[length] = '\0';
    *number = strtod(digits, NULL);
    return isfinite(*number);
}

/* Find the value of a name. 0: the object has none. */
static inline int lkas_json_find(lkas_json object, const char *name, lkas_json *value) {
    lkas_json_member member;
    for (const char *at = NULL; lkas_json_next(object, &at, &member);) {
        char found[64];
        if (!lkas_json_text(member.name, found, sizeof found) || strcmp(found, name) != 0) continue;
        *value = member.value;
        return 1;
    }
    return 0;
}

/* Write `words` as a JSON string with its quotes, cut to fit in `capacity` (at least 8); whatever is not printable ASCII
 * becomes a question mark. */
static inline const char *lkas_json_quote(char *text, size_t capacity, const char *words) {
    size_t bytes = 0;
    text[bytes++] = '"';
    for (; *words && bytes + 4 <= capacity; ++words) {
        const unsigned char letter = (unsigned char)*words;
        if (letter == '"' || letter == '\\') text[bytes++] = '\\';
        text[bytes++] = letter < 0x20 || letter > 0x7e ? '?' : (char)letter;
    }
    text[bytes++] = '"';
    text[bytes] = '\0';
    return text;
}

#endif /* LKAS_JSON_H */
