/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An E1 or T1 cable: frames, octets, alarms, errors, loops, bits. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"

static char path[64];

static const char *knob(const char *cable, const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", cable, name);
	return path;
}

/* The next frame within ms: its length with check sequence, 0 if none. Events
 * on the way are counted. */
static int frame_next(int fd, unsigned char *buf, int size, int ms, int *events)
{
	double stop = now_ms() + ms;

	while (now_ms() < stop) {
		struct pollfd p = { .fd = fd, .events = POLLIN | POLLPRI };
		ssize_t n;

		poll(&p, 1, 10);
		if (p.revents & POLLPRI && event_next(fd, 0) && events)
			++*events;
		n = read(fd, buf, size);
		if (n > 0)
			return (int)n;
	}
	return 0;
}

static void frames_drop(int fd)
{
	unsigned char buf[1024];

	while (frame_next(fd, buf, sizeof(buf), 30, NULL))
		;
	events_drop(fd, 1);
}

static bool frame_passes(int from, int to, int len)
{
	unsigned char out[512], in[512];
	int i, n;

	for (i = 0; i < len; i++)
		out[i] = (unsigned char)(i * 7 + len);
	/* Two octets more, for the check sequence that the kernel makes. */
	if (write(from, out, len + 2) != len + 2)
		return false;
	n = frame_next(to, in, sizeof(in), 1000, NULL);
	note("%d octets came as %d ", len, n);
	return n == len + 2 && !memcmp(in, out, len);
}

void test_hdlc(const char *a, const char *b, int slot)
{
	static const int lens[] = { 3, 4, 5, 8, 16, 64, 200, 260 };
	int fa = chan_open(span_base(a) + slot - 1, 512);
	int fb = chan_open(span_base(b) + slot - 1, 512);
	unsigned char buf[512] = { 0x55 };
	int i, good = 0, sent = 0, got = 0, bad = 0;
	double start, s;

	frames_drop(fa);
	frames_drop(fb);
	for (i = 0; i < 8; i++)
		good += frame_passes(fa, fb, lens[i]) + frame_passes(fb, fa, lens[i]);
	check(good == 16, "%s: 16 frames of 3 to 260 octets between D channels (%d)", a, good);
	for (start = now_ms(); got < 100 && now_ms() < start + 4000;) {
		while (sent < 100 && write(fa, buf, 102) == 102)
			sent++;
		i = frame_next(fb, buf, sizeof(buf), 500, &bad);
		got += i == 102;
	}
	s = (now_ms() - start) / 1e3;
	check(got == 100 && !bad && s < 2, "%s: 100 frames of 100 octets back to back, %.1f kbit/s", a,
	      got * 103 * 8 / s / 1e3);
	close(fa);
	close(fb);
}

/* A clear channel carries octets unchanged, in order, without loss. */
void test_clear(const char *a, const char *b)
{
	int fa = chan_open(span_base(a), 160), fb = chan_open(span_base(b), 160);
	int sent = 0, got = 0, start = -1, wrong = 0, i;
	unsigned char out[160], in[160];
	double stop = now_ms() + 4000;

	must(!chan_int(fa, DAHDI_AUDIOMODE, 0) && !chan_int(fb, DAHDI_AUDIOMODE, 0), "AUDIOMODE 0");
	while (got < 8000 && now_ms() < stop) {
		struct pollfd p[2] = { { fb, POLLIN, 0 }, { fa, POLLOUT, 0 } };
		ssize_t n;

		poll(p, 2, 20);
		for (i = 0; i < 160; i++)
			out[i] = (unsigned char)((sent + i) % 251);
		n = write(fa, out, sizeof(out));
		if (n > 0)
			sent += n;
		n = read(fb, in, sizeof(in));
		for (i = 0; i < n; i++) {
			/* Idle octets first, until 0 1 2 begins. */
			if (start < 0 && in[i] != 0)
				continue;
			if (start < 0)
				start = got = 0;
			wrong += in[i] != (start + got++) % 251;
		}
	}
	note("%d octets, %d wrong ", got, wrong);
	check(got >= 8000 && !wrong, "%s: a second of octets passes a clear channel unchanged", a);
	must(!chan_int(fa, DAHDI_AUDIOMODE, 1) && !chan_int(fb, DAHDI_AUDIOMODE, 1), "AUDIOMODE 1");
	i = tone_through(fa, fb, 800, 500);
	check(i > 7600 && i < 8400, "%s: audio of the span's law (%d of 8000)", a, i);
	close(fa);
	close(fb);
}

/* But for the loopback bit, which DAHDI itself sets for some seconds after a
 * loop code. */
static bool alarms_become(const char *span, int want, int ms)
{
	double stop = now_ms() + ms;
	int is;

	do {
		is = span_stat(span).alarms & ~DAHDI_ALARM_LOOPBACK;
		if (is == want)
			return true;
		sleep_ms(5);
	} while (now_ms() < stop);
	note("%s alarms 0x%x, expected 0x%x ", span, is, want);
	return false;
}

struct fault {
	const char *knob;
	long value;
	int a, b;
	const char *what;
};

void test_alarms(const char *cable, const char *a, const char *b, int slot)
{
	static const struct fault faults[] = {
		{ "cable", 1, VLINE_ALARM_RED | VLINE_ALARM_LOS, VLINE_ALARM_RED | VLINE_ALARM_LOS,
		  "cable pulled: red at both ends" },
		{ "a/cut", 1, VLINE_ALARM_RED | VLINE_ALARM_LOS, VLINE_ALARM_YELLOW,
		  "one pair cut: red here, yellow there" },
		{ "a/send", VLINE_SEND_RAI, 0, VLINE_ALARM_YELLOW, "remote alarm sent: yellow" },
		{ "a/send", VLINE_SEND_AIS, VLINE_ALARM_YELLOW, VLINE_ALARM_BLUE,
		  "all ones sent: blue there, yellow here" },
		{ "a/send", VLINE_SEND_UNFRAMED, VLINE_ALARM_YELLOW, VLINE_ALARM_RED | VLINE_ALARM_LFA,
		  "no frame sent: red, frame lost" },
		{ "a/send", VLINE_SEND_SILENCE, VLINE_ALARM_YELLOW, VLINE_ALARM_RED | VLINE_ALARM_LOS,
		  "nothing sent: red, signal lost" },
		{ "b/force_alarm", VLINE_ALARM_BLUE | VLINE_ALARM_LMFA, 0,
		  VLINE_ALARM_BLUE | VLINE_ALARM_LMFA, "an alarm forced" },
	};
	int fa = chan_open(span_base(a) + slot - 1, 512);
	int fb = chan_open(span_base(b) + slot - 1, 512);
	const struct fault *f;
	int ea, eb;
	double start;

	must(alarms_become(a, 0, 1000) && alarms_become(b, 0, 1000), "no alarm to begin with");
	for (f = faults; f < faults + sizeof(faults) / sizeof(*f); f++) {
		frames_drop(fa);
		frames_drop(fb);
		must(!knob_set(knob(cable, f->knob), f->value), "%s", f->knob);
		ea = f->a ? event_wait(fa, DAHDI_EVENT_ALARM, 1000) : 0;
		eb = f->b ? event_wait(fb, DAHDI_EVENT_ALARM, 1000) : 0;
		check(alarms_become(a, f->a, 500) && alarms_become(b, f->b, 500) && ea >= 0 && eb >= 0,
		      "%s: %s, with events", cable, f->what);
		must(!knob_set(knob(cable, f->knob), 0), "%s", f->knob);
		ea = f->a ? event_wait(fa, DAHDI_EVENT_NOALARM, 1000) : 0;
		eb = f->b ? event_wait(fb, DAHDI_EVENT_NOALARM, 1000) : 0;
		check(alarms_become(a, 0, 500) && alarms_become(b, 0, 500) && ea >= 0 && eb >= 0,
		      "%s: and over", cable);
	}
	frames_drop(fa);
	frames_drop(fb);
	check(frame_passes(fa, fb, 64) && frame_passes(fb, fa, 64), "%s: frames pass after all that", cable);

	must(!knob_set(knob(cable, "alarm_ms"), 700), "alarm_ms");
	must(!knob_set(knob(cable, "a/cut"), 1), "a/cut");
	start = now_ms();
	alarms_become(a, VLINE_ALARM_RED | VLINE_ALARM_LOS, 3000);
	start = now_ms() - start;
	check(start >= 700 - CATCH_UP && start < 1700, "%s: a fault counts after alarm_ms (%.0f ms)", cable, start);
	must(!knob_set(knob(cable, "a/cut"), 0) && !knob_set(knob(cable, "alarm_ms"), 20), "a/cut");
	check(knob_set(knob(cable, "a/force_alarm"), 1) == ERANGE &&
	      knob_set(knob(cable, "a/send"), 5) == ERANGE, "%s: unknown alarms and signals are refused",
	      cable);
	alarms_become(a, 0, 1000);
	alarms_become(b, 0, 1000);
	close(fa);
	close(fb);
}

static int framing(const char *span, int lineconfig)
{
	struct dahdi_lineconfig lc = { .span = span_no(span), .lineconfig = lineconfig };

	return ioctl(ctl(), DAHDI_SPANCONFIG, &lc) ? errno : 0;
}

/* Framers that are set differently. */
void test_framing(const char *a, const char *b, bool t1)
{
	int usual = span_stat(b).lineconfig;

	if (t1) {
		must(!framing(b, DAHDI_CONFIG_D4 | DAHDI_CONFIG_AMI), "SPANCONFIG");
		check(alarms_become(a, VLINE_ALARM_RED | VLINE_ALARM_LFA, 1000) &&
		      alarms_become(b, VLINE_ALARM_RED | VLINE_ALARM_LFA, 1000),
		      "%s: ESF against D4: frame lost at both ends", a);
		check(framing(b, DAHDI_CONFIG_CRC4) == EINVAL, "%s: a T1 has no CRC-4", b);
	} else {
		must(!framing(b, usual & ~DAHDI_CONFIG_CRC4), "SPANCONFIG");
		check(alarms_become(a, VLINE_ALARM_RED | VLINE_ALARM_LMFA, 1000) &&
		      alarms_become(b, VLINE_ALARM_YELLOW, 1000),
		      "%s: CRC-4 against none: multiframe lost here, yellow there", a);
		check(framing(b, DAHDI_CONFIG_ESF) == EINVAL, "%s: an E1 has no ESF", b);
	}
	must(!framing(b, usual), "SPANCONFIG");
	check(alarms_become(a, 0, 1000) && alarms_become(b, 0, 1000), "%s: set alike: no alarm", a);
}

static int slips_of(const char *span)
{
	char name[64], line[256];
	int n = 0;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/dahdi/%d", span_no(span));
	f = fopen(name, "r");
	must(f, "%s", name);
	while (fgets(line, sizeof(line), f))
		sscanf(line, " Timing slips: %d", &n);
	fclose(f);
	return n;
}

void test_errors(const char *cable, const char *a, const char *b, int slot)
{
	int fa = chan_open(span_base(a) + slot - 1, 512);
	int fb = chan_open(span_base(b) + slot - 1, 512);
	struct dahdi_spaninfo was = span_stat(a), was_b = span_stat(b), is, is_b;
	int bad = 0, i, slips = slips_of(a);
	unsigned char buf[512] = { 0x33 };
	double stop;

	frames_drop(fa);
	frames_drop(fb);
	must(!knob_set(knob(cable, "a/crc"), 100) && !knob_set(knob(cable, "a/bpv"), 40) &&
	     !knob_set(knob(cable, "a/fas"), 7), "crc, bpv, fas");
	for (stop = now_ms() + 150; now_ms() < stop;) {
		if (write(fb, buf, 62) < 0)
			event_next(fb, 0);
		frame_next(fa, buf, sizeof(buf), 5, &bad);
	}
	sleep_ms(1100);
	is = span_stat(a);
	is_b = span_stat(b);
	note("crc4 %d bpv %d cv %d fas %d errsec %d ", is.crc4count - was.crc4count,
	     is.bpvcount - was.bpvcount, is.cvcount - was.cvcount, is.fascount - was.fascount,
	     is.errsec - was.errsec);
	check(is.crc4count - was.crc4count == 100 && is.bpvcount - was.bpvcount == 40 &&
	      is.cvcount - was.cvcount == 40 && is.fascount - was.fascount == 7,
	      "%s: 100 CRC, 40 BPV, 7 FAS errors are counted, each once", cable);
	check(is.errsec - was.errsec >= 1 && is.errsec - was.errsec <= 2, "%s: as an errored second", cable);
	check(is_b.ebitcount - was_b.ebitcount == (slot == 16 ? 100 : 0),
	      "%s: and told to the sender by E bits on an E1 only", cable);
	check(bad > 0, "%s: damaged octets give HDLC error events (%d)", cable, bad);
	check(knob_get(knob(cable, "a/crc")) == 0, "%s: nothing left to inject", cable);

	for (i = 0; i < 200; i++)
		buf[i] = (unsigned char)(i * 7);
	frames_drop(fa);
	bad = 0;
	for (i = 0; i < 10; i++) {
		if (write(fb, buf, 202) < 0)
			event_next(fb, 0);
		/* In the middle of a frame that takes 25 ms. */
		sleep_ms(12);
		must(!knob_set(knob(cable, "a/slip"), 1), "slip");
		frame_next(fa, buf + 256, 256, 30, &bad);
	}
	check(slips_of(a) - slips == 10 && bad > 0, "%s: 10 slips counted, and felt by HDLC (%d events)",
	      cable, bad);
	must(!knob_set(knob(cable, "a/slip"), 1), "slip");
	sleep_ms(20);
	frames_drop(fa);
	check(frame_passes(fb, fa, 200), "%s: one frame late, octets are in order still", cable);
	must(!knob_set(knob(cable, "a/slip"), 1), "slip");
	sleep_ms(20);
	frames_drop(fa);
	check(frame_passes(fb, fa, 200), "%s: and in time again", cable);
	close(fa);
	close(fb);
}

static int maint(const char *span, int command)
{
	struct dahdi_maintinfo m = { .spanno = span_no(span), .command = command };

	return ioctl(ctl(), DAHDI_MAINT, &m) ? errno : 0;
}

void test_maintenance(const char *a, const char *b, int slot)
{
	int fa = chan_open(span_base(a) + slot - 1, 512);
	int fb = chan_open(span_base(b) + slot - 1, 512);

	must(!maint(a, DAHDI_RESET_COUNTERS), "RESET_COUNTERS");
	check(span_stat(a).crc4count == 0 && span_stat(a).bpvcount == 0, "%s: counters reset", a);
	must(!maint(a, DAHDI_MAINT_LOCALLOOP), "LOCALLOOP");
	frames_drop(fa);
	frames_drop(fb);
	check(frame_passes(fa, fa, 40), "%s: local loop", a);
	must(!maint(a, DAHDI_MAINT_NONE), "NONE");
	must(!maint(b, DAHDI_MAINT_NETWORKLINELOOP), "NETWORKLINELOOP");
	frames_drop(fa);
	frames_drop(fb);
	check(frame_passes(fa, fa, 40), "%s: loop at the far end", a);
	must(!maint(b, DAHDI_MAINT_NONE), "NONE");
	frames_drop(fa);
	frames_drop(fb);
	check(frame_passes(fa, fb, 40), "%s: and through again", a);
	must(!maint(b, DAHDI_MAINT_CRC_DEFECT), "CRC_DEFECT");
	sleep_ms(50);
	check(span_stat(a).crc4count == 1, "%s: an inserted CRC defect is counted at the far end", a);
	check(maint(a, DAHDI_MAINT_LOOPUP) == (slot == 16 ? EOPNOTSUPP : 0),
	      "%s: loop codes are a matter of T1 only", a);
	if (slot != 16) {
		frames_drop(fa);
		check(frame_passes(fa, fa, 40), "%s: the far end obeys the loop-up code", a);
		must(!maint(a, DAHDI_MAINT_LOOPDOWN), "LOOPDOWN");
		frames_drop(fa);
		frames_drop(fb);
		check(frame_passes(fa, fb, 40), "%s: and the loop-down code", a);
	}
	maint(a, DAHDI_MAINT_NONE);
	close(fa);
	close(fb);
}

/* Channels signalled by A, B, C and D bits, `slot` one of them. */
void test_bits(const char *a, const char *b, int slot)
{
	int fa = chan_open(span_base(a) + slot - 1, 160);
	int fb = chan_open(span_base(b) + slot - 1, 160);
	int bits, good = 0, rx;

	sleep_ms(50);
	events_drop(fb, 10);
	for (bits = 1; bits < 16; bits++) {
		must(!chan_int(fa, DAHDI_SETTXBITS, bits), "SETTXBITS");
		if (event_wait(fb, DAHDI_EVENT_BITSCHANGED, 500) >= 0 &&
		    !ioctl(fb, DAHDI_GETRXBITS, &rx) && rx == bits)
			good++;
	}
	check(good == 15, "%s: each of 15 bit patterns arrives, with an event (%d)", a, good);
	must(!knob_set("e1-1/b/cut", 1), "cut");
	must(event_wait(fb, DAHDI_EVENT_ALARM, 1000) >= 0, "alarm");
	must(!chan_int(fa, DAHDI_SETTXBITS, 5), "SETTXBITS");
	check(event_wait(fb, DAHDI_EVENT_BITSCHANGED, 200) < 0, "%s: bits are frozen in an alarm", a);
	must(!knob_set("e1-1/b/cut", 0), "cut");
	check(event_wait(fb, DAHDI_EVENT_BITSCHANGED, 1000) >= 0, "%s: and change after it", a);
	close(fa);
	close(fb);
}

/* Loop signalling and E&M carried by a T1's bits, as a channel bank has it. */
void test_channel_bank(const char *a, const char *b)
{
	int p = chan_open(span_base(a) + 21, 160), l = chan_open(span_base(b) + 21, 160);
	int m = chan_open(span_base(a) + 22, 160), e = chan_open(span_base(b) + 22, 160);

	sleep_ms(100);
	events_drop(p, 10);
	events_drop(m, 10);
	must(!hook(l, DAHDI_OFFHOOK), "off hook");
	check(event_wait(p, DAHDI_EVENT_RINGOFFHOOK, 1000) >= 0, "%s: off hook by bits", a);
	must(!hook(l, DAHDI_ONHOOK), "on hook");
	check(event_wait(p, DAHDI_EVENT_ONHOOK, 3000) >= 0, "%s: on hook by bits", a);
	sleep_ms(2100);
	events_drop(l, 10);
	must(!hook(p, DAHDI_RING), "ring");
	check(event_wait(l, DAHDI_EVENT_RINGBEGIN, 1000) >= 0, "%s: ringing by bits", a);
	must(!hook(p, DAHDI_ONHOOK), "ring off");
	must(!hook(e, DAHDI_OFFHOOK), "E&M off hook");
	check(event_wait(m, DAHDI_EVENT_RINGOFFHOOK, 1000) >= 0, "%s: E&M seizure", a);
	must(!hook(e, DAHDI_ONHOOK), "E&M on hook");
	check(event_wait(m, DAHDI_EVENT_ONHOOK, 1000) >= 0, "%s: E&M release", a);
	close(p);
	close(l);
	close(m);
	close(e);
}

/* A span that is shut down sends nothing, and is in alarm itself. Its channels
 * are without signalling afterwards: the last test of a cable. */
void test_shutdown(const char *a, const char *b)
{
	must(!chan_int(ctl(), DAHDI_SHUTDOWN, span_no(a)), "SHUTDOWN");
	check(alarms_become(a, VLINE_ALARM_RED, 1000) &&
	      alarms_become(b, VLINE_ALARM_RED | VLINE_ALARM_LOS, 1000), "%s: shut down, an alarm at both ends", a);
	must(!chan_int(ctl(), DAHDI_STARTUP, span_no(a)), "STARTUP");
	check(alarms_become(a, 0, 1000) && alarms_become(b, 0, 1000), "%s: started again, none", a);
}
