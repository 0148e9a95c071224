/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

#define DEBUGFS "/sys/kernel/debug/" VLINE_DEBUGFS_DIR "/"

int passed, failed;
static char notes[4096];

void note(const char *what, ...)
{
	size_t n = strlen(notes);
	va_list ap;

	va_start(ap, what);
	vsnprintf(notes + n, sizeof(notes) - n, what, ap);
	va_end(ap);
}

bool check(bool ok, const char *what, ...)
{
	va_list ap;

	printf("%s ", ok ? "ok  " : "FAIL");
	va_start(ap, what);
	vprintf(what, ap);
	va_end(ap);
	if (!ok && notes[0])
		printf("\n     seen: %s", notes);
	putchar('\n');
	fflush(stdout);
	notes[0] = 0;
	if (ok)
		passed++;
	else
		failed++;
	return ok;
}

void must(bool ok, const char *what, ...)
{
	int e = errno;
	va_list ap;

	if (ok)
		return;
	printf("FAIL cannot go on: ");
	va_start(ap, what);
	vprintf(what, ap);
	va_end(ap);
	printf(" (%s)\n", strerror(e));
	exit(2);
}

double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

void sleep_ms(int ms)
{
	usleep(ms * 1000);
}

int ctl(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/dahdi/ctl", O_RDWR | O_CLOEXEC);
	must(fd >= 0, "/dev/dahdi/ctl");
	return fd;
}

int span_no(const char *name)
{
	int no;

	for (no = 1; no <= 128; no++) {
		struct dahdi_spaninfo s = { .spanno = no };

		if (!ioctl(ctl(), DAHDI_SPANSTAT, &s) && !strcmp(s.name, name))
			return no;
	}
	return 0;
}

struct dahdi_spaninfo span_stat(const char *name)
{
	struct dahdi_spaninfo s = { .spanno = span_no(name) };

	must(s.spanno && !ioctl(ctl(), DAHDI_SPANSTAT, &s), "SPANSTAT of %s", name);
	return s;
}

int span_base(const char *name)
{
	int span = span_no(name), no;

	for (no = 1; span && no <= 1024; no++) {
		struct dahdi_params p = { .channo = no };

		if (!ioctl(ctl(), DAHDI_GET_PARAMS, &p) && p.spanno == span)
			return no;
	}
	return 0;
}

int chan_open(int no, int size)
{
	struct dahdi_bufferinfo b = { .numbufs = 16, .bufsize = size };
	int fd = open("/dev/dahdi/channel", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	must(fd >= 0, "/dev/dahdi/channel");
	must(!ioctl(fd, DAHDI_SPECIFY, &no), "channel %d", no);
	must(!ioctl(fd, DAHDI_SET_BUFINFO, &b), "buffers of channel %d", no);
	return fd;
}

int chan_int(int fd, unsigned long request, int value)
{
	return ioctl(fd, request, &value) ? errno : 0;
}

int hook(int fd, int what)
{
	int res = chan_int(fd, DAHDI_HOOK, what);

	/* Success on a descriptor that does not block. */
	return res == EINPROGRESS ? 0 : res;
}

int dial(int fd, const char *digits)
{
	struct dahdi_dialoperation d = { .op = DAHDI_DIAL_OP_REPLACE };

	strncpy(d.dialstr, digits, sizeof(d.dialstr) - 1);
	return ioctl(fd, DAHDI_DIAL, &d) ? errno : 0;
}

int event_next(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	int e = 0;

	if (poll(&p, 1, ms) <= 0 || ioctl(fd, DAHDI_GETEVENT, &e))
		return 0;
	if (e)
		note("event %d%s", e & 0xffff,
		     e & DAHDI_EVENT_DTMFDOWN ? " (DTMF down) " :
		     e & DAHDI_EVENT_DTMFUP ? " (DTMF up) " :
		     e & DAHDI_EVENT_PULSEDIGIT ? " (pulse digit) " : " ");
	return e;
}

int event_wait(int fd, int want, int ms)
{
	double start = now_ms(), left = ms;

	while (left > 0) {
		if (event_next(fd, (int)left + 1) == want)
			return (int)(now_ms() - start);
		left = start + ms - now_ms();
	}
	return -1;
}

void events_drop(int fd, int ms)
{
	event_wait(fd, -1, ms);
	notes[0] = 0;
}

static double goertzel(const int16_t *s, int n, double freq)
{
	double w = 2 * M_PI * freq / 8000, c = 2 * cos(w), a = 0, b = 0;
	int i;

	for (i = 0; i < n; i++) {
		double v = s[i] + c * a - b;

		b = a;
		a = v;
	}
	return sqrt(fmax(a * a + b * b - c * a * b, 0)) * 2 / n;
}

int tone_through(int from, int to, int freq, int ms)
{
	static int16_t heard[8000 * 4];
	int want = ms * 8, got = 0, sent = 0, i;
	double best = 0, stop = now_ms() + ms + 2000;

	must(want <= (int)(sizeof(heard) / 2), "tone too long");
	must(!chan_int(from, DAHDI_SETLINEAR, 1) && !chan_int(to, DAHDI_SETLINEAR, 1),
	     "SETLINEAR");
	chan_int(from, DAHDI_FLUSH, DAHDI_FLUSH_ALL);
	chan_int(to, DAHDI_FLUSH, DAHDI_FLUSH_ALL);
	while (got < want && now_ms() < stop) {
		struct pollfd p[2] = { { to, POLLIN | POLLPRI, 0 }, { from, POLLOUT | POLLPRI, 0 } };
		int16_t block[160];
		ssize_t n;

		poll(p, 2, 20);
		for (i = 0; i < 2; i++) {
			int e;

			if (p[i].revents & POLLPRI)
				ioctl(p[i].fd, DAHDI_GETEVENT, &e);
		}
		for (i = 0; i < 160; i++)
			block[i] = (int16_t)(8000 * sin(2 * M_PI * freq * (sent + i) / 8000.0));
		if (from != to || sent <= got + 480) {
			n = write(from, block, sizeof(block));
			if (n > 0)
				sent += n / 2;
		}
		n = read(to, heard + got, (want - got) * 2 < 320 ? (want - got) * 2 : 320);
		if (n > 0)
			got += n / 2;
	}
	for (i = 0; i + 800 <= got; i += 160) {
		double l = goertzel(heard + i, 800, freq);

		if (l > best)
			best = l;
	}
	note("%d Hz %.0f of %d samples ", freq, best, got);
	return (int)best;
}

int knob_set(const char *name, long value)
{
	char path[256], text[32];
	int fd, res = 0, n = snprintf(text, sizeof(text), "%ld", value);

	snprintf(path, sizeof(path), DEBUGFS "%s", name);
	fd = open(path, O_WRONLY);
	must(fd >= 0, "%s", path);
	if (write(fd, text, n) != n)
		res = errno;
	close(fd);
	return res;
}

static void knob_read(const char *name, char *text, size_t size)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), DEBUGFS "%s", name);
	fd = open(path, O_RDONLY);
	must(fd >= 0, "%s", path);
	n = read(fd, text, size - 1);
	must(n >= 0, "reading %s", path);
	text[n] = 0;
	close(fd);
}

long knob_get(const char *name)
{
	char text[64];

	knob_read(name, text, sizeof(text));
	return strtol(text, NULL, 0);
}

const char *state(const char *name, const char *key)
{
	static char text[512];
	size_t n = strlen(key);
	char *word;

	knob_read(name, text, sizeof(text));
	for (word = strtok(text, " \n"); word; word = strtok(NULL, " \n"))
		if (!strncmp(word, key, n) && word[n] == '=')
			return word + n + 1;
	return "";
}

bool state_becomes(const char *name, const char *key, const char *value, int ms)
{
	double stop = now_ms() + ms;
	const char *is;

	do {
		is = state(name, key);
		if (!strcmp(is, value))
			return true;
		sleep_ms(5);
	} while (now_ms() < stop);
	note("%s %s=%s ", name, key, is);
	return false;
}
