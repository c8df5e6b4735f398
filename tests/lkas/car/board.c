/* A board on a pseudo terminal: runs examples/car/microcontroller.c and prints each change of the motor with its time.
 * Lines of standard input are sensor values: "speed_mm_s yaw_rate_mrad_s". It ends with its standard input.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

void car_loop(void);

static int port, speed_mm_s, yaw_mrad_s, steering, throttle = -1, brake = -1;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

uint32_t board_millis(void) { return (uint32_t)(now_ns() / 1000000); }

int board_read(void) {
    unsigned char byte;
    return read(port, &byte, 1) == 1 ? byte : -1;
}

void board_write(const char *text) {
    ssize_t unused = write(port, text, strlen(text));
    (void)unused;
}

void board_steer(int permille) {
    if (permille != steering) printf("%lld steer %d\n", (long long)now_ns(), permille);
    steering = permille;
}

void board_drive(int throttle_permille, int brake_permille) {
    if (throttle_permille != throttle || brake_permille != brake)
        printf("%lld drive %d %d\n", (long long)now_ns(), throttle_permille, brake_permille);
    throttle = throttle_permille;
    brake = brake_permille;
}

int board_speed_mm_s(void) { return speed_mm_s; }
int board_yaw_rate_mrad_s(void) { return yaw_mrad_s; }

int main(void) {
    char text[128];
    setvbuf(stdout, NULL, _IOLBF, 0);
    port = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (port < 0 || grantpt(port) || unlockpt(port)) return 1;
    printf("%s\n", ptsname(port));
    int held = open(ptsname(port), O_RDWR | O_NOCTTY); /* so that a client that leaves is no hang-up */
    struct termios raw;
    tcgetattr(held, &raw);
    cfmakeraw(&raw);
    tcsetattr(held, TCSANOW, &raw);
    for (;;) {
        struct pollfd fds[2] = {{port, POLLIN, 0}, {0, POLLIN, 0}};
        poll(fds, 2, 2);
        car_loop();
        if (fds[1].revents) {
            if (!fgets(text, sizeof text, stdin)) return 0;
            sscanf(text, "%d %d", &speed_mm_s, &yaw_mrad_s);
        }
    }
}
