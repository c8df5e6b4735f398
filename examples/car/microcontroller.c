/* The car's side of the serial line (protocol: lkas/car/lines.py). Plain C11 for any board: give it the seven functions
 * below and call car_loop() for ever. It obeys valid lines only, and goes into neutral when none came for 80 ms: the
 * program on the other side died, hangs, or the cable was pulled.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t board_millis(void);
int board_read(void);                                     /* next byte from the line, or -1 */
void board_write(const char *text);
void board_steer(int permille);                           /* -1000 to 1000 of the servo's range, right positive */
void board_drive(int throttle_permille, int brake_permille); /* 0, 0 is neutral */
int board_speed_mm_s(void);
int board_yaw_rate_mrad_s(void);                          /* left positive */

#define SILENCE_MS 80
#define STATE_MS 20

static char line[65];
static size_t length;
static uint32_t heard_ms, told_ms;
static unsigned sequence;
static int steering, is_driving;

static unsigned checksum(const char *text, size_t count) {
    unsigned sum = 0;
    while (count--) sum ^= (unsigned char)*text++;
    return sum;
}

static void neutral(void) {
    is_driving = 0;
    board_drive(0, 0); /* the steering stays where it is */
}

static void obey(void) { /* `line` without its end */
    unsigned sum, number;
    int throttle, brake, wanted, used = 0;
    if (length < 6 || line[0] != '$' || line[length - 3] != '*' || sscanf(line + length - 2, "%2x", &sum) != 1) return;
    if (sum != checksum(line + 1, length - 4)) return;
    if (sscanf(line, "$N,%u%n", &number, &used) == 1 && used == (int)length - 3) {
        heard_ms = board_millis();
        neutral();
    } else if (sscanf(line, "$C,%u,%d,%d,%d%n", &number, &wanted, &throttle, &brake, &used) == 4 &&
               used == (int)length - 3 && abs(wanted) <= 1000 && throttle >= 0 && throttle <= 1000 && brake >= 0 &&
               brake <= 1000) {
        heard_ms = board_millis();
        is_driving = 1;
        board_steer(steering = wanted);
        board_drive(throttle, brake);
    }
}

void car_loop(void) {
    for (int byte; (byte = board_read()) >= 0;) {
        if (byte == '\n') obey();
        if (byte == '\n' || byte == '$') length = 0;
        if (byte != '\r' && byte != '\n' && length < sizeof line - 1) line[length++] = (char)byte;
        line[length] = '\0';
    }
    if (is_driving && board_millis() - heard_ms > SILENCE_MS) neutral();
    if (board_millis() - told_ms >= STATE_MS) {
        char text[64], framed[72];
        told_ms = board_millis();
        snprintf(text, sizeof text, "S,%u,%d,%d,%d", sequence++ & 65535u, board_speed_mm_s(), board_yaw_rate_mrad_s(), steering);
        snprintf(framed, sizeof framed, "$%s*%02X\r\n", text, checksum(text, strlen(text)));
        board_write(framed);
    }
}
