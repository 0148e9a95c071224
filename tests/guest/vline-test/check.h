/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Helpers of the guest's self-test: DAHDI channels, their events and audio, the
 * vline driver's controls, and checks that print what they saw.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <dahdi/user.h>

#include "../../../kernel-drivers/vline/vline_uapi.h"

/* The driver's clock may have this much to catch up with on a busy host, in
 * milliseconds: so much shorter than set can a time seem. */
#define CATCH_UP 256

/* Prints "ok   WHAT" or "FAIL WHAT" with what was logged since the last one. */
bool check(bool ok, const char *what, ...) __attribute__((format(printf, 2, 3)));
/* Remembers a line, printed only when the next check fails. */
void note(const char *what, ...) __attribute__((format(printf, 1, 2)));
/* A condition without which the test makes no sense: prints and exits 2. */
void must(bool ok, const char *what, ...) __attribute__((format(printf, 2, 3)));
extern int passed, failed;

double now_ms(void);
void sleep_ms(int ms);

/* Number of the first channel of the span with this name, 0 if there is none. */
int span_base(const char *name);
/* Its number. */
int span_no(const char *name);
struct dahdi_spaninfo span_stat(const char *name);
int ctl(void);

/* Opens a channel, non-blocking, with buffers of `size` octets. */
int chan_open(int no, int size);
int chan_int(int fd, unsigned long request, int value);	/* 0 or errno */
int hook(int fd, int what);				/* 0 or errno */
int dial(int fd, const char *digits);			/* 0 or errno */
/* The next event within ms, 0 if none comes. */
int event_next(int fd, int ms);
/* Takes events until `want` comes; milliseconds it took, or -1. */
int event_wait(int fd, int want, int ms);
void events_drop(int fd, int ms);

/* Level, 0 to 32767, of `freq` at `to` while `from` sends it at 8000; the
 * loudest 100 ms within `ms`. SETLINEAR is on afterwards. */
int tone_through(int from, int to, int freq, int ms);

/* Reads and writes a control below the driver's folder in debugfs. */
int knob_set(const char *name, long value);		/* 0 or errno */
long knob_get(const char *name);
/* Value of KEY in a "state" control; the answer is overwritten each time. */
const char *state(const char *name, const char *key);
/* Waits for KEY to be VALUE. */
bool state_becomes(const char *name, const char *key, const char *value, int ms);

/* The tests; each file one subject. */
void test_line(int port, int line);
void test_lamps(int port, int line);
void test_wire(int port, int line);
void test_ground_start(int port, int line);
void test_hdlc(const char *a, const char *b, int slot);
void test_clear(const char *a, const char *b);
void test_alarms(const char *cable, const char *a, const char *b, int slot);
void test_framing(const char *a, const char *b, bool t1);
void test_errors(const char *cable, const char *a, const char *b, int slot);
void test_maintenance(const char *a, const char *b, int slot);
void test_bits(const char *a, const char *b, int slot);
void test_channel_bank(const char *a, const char *b);
void test_shutdown(const char *a, const char *b);
void test_removal(const char *board, int chan);

#endif
