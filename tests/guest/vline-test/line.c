/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A telephone on a line: hook, digits, ringing, audio, lamps, broken wires. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <dahdi/wctdm_user.h>

#include "check.h"

static char path[64];

/* Name of a control of the line that a port belongs to. */
static const char *knob(int port, const char *name)
{
	struct dahdi_params p = { .channo = port };

	must(!ioctl(ctl(), DAHDI_GET_PARAMS, &p), "GET_PARAMS of %d", port);
	snprintf(path, sizeof(path), "analogue/line%d/%s", p.chanpos, name);
	return path;
}

/* The line off hook and the port through. */
static void seize(int p, int l)
{
	must(!hook(l, DAHDI_OFFHOOK), "line off hook");
	must(event_wait(p, DAHDI_EVENT_RINGOFFHOOK, 2000) >= 0, "port sees off hook");
	must(!hook(p, DAHDI_OFFHOOK), "port off hook");
	sleep_ms(700);
	events_drop(p, 10);
	events_drop(l, 10);
}

static void release(int p, int l)
{
	hook(l, DAHDI_ONHOOK);
	event_wait(p, DAHDI_EVENT_ONHOOK, 3000);
	hook(p, DAHDI_ONHOOK);
	sleep_ms(100);
	events_drop(p, 10);
	events_drop(l, 10);
}

static void hear_digits(int p, int l, const char *digits)
{
	char heard[64] = "", up[64] = "";
	char dialled[64] = "T";
	double stop;
	int e;

	strncat(dialled, digits, sizeof(dialled) - 2);
	must(!dial(l, dialled), "DIAL %s", dialled);
	for (stop = now_ms() + 5000; now_ms() < stop && strlen(up) < strlen(digits);) {
		e = event_next(p, 500);
		if (e & DAHDI_EVENT_DTMFDOWN)
			heard[strlen(heard)] = (char)e;
		if (e & DAHDI_EVENT_DTMFUP)
			up[strlen(up)] = (char)e;
	}
	check(!strcmp(heard, digits) && !strcmp(up, digits),
	      "the board's receiver hears \"%s\" once each (\"%s\", ended \"%s\")",
	      digits, heard, up);
	event_wait(l, DAHDI_EVENT_DIALCOMPLETE, 2000);
	events_drop(l, 10);
}

/* Mean square of what the port hears of a digit, over 300 ms. */
static double digit_energy(int p, int l)
{
	int16_t block[160];
	double sum = 0, stop;
	int n = 0, i;

	must(!chan_int(p, DAHDI_SETLINEAR, 1), "SETLINEAR");
	chan_int(p, DAHDI_FLUSH, DAHDI_FLUSH_ALL);
	must(!dial(l, "T5"), "DIAL");
	for (stop = now_ms() + 2000; n < 2400 && now_ms() < stop;) {
		if (event_next(p, 0))
			continue;
		if (read(p, block, sizeof(block)) != sizeof(block)) {
			sleep_ms(5);
			continue;
		}
		for (i = 0; i < 160; i++)
			sum += (double)block[i] * block[i];
		n += 160;
	}
	event_wait(l, DAHDI_EVENT_DIALCOMPLETE, 1000);
	events_drop(p, 100);
	return n ? sum / n : -1;
}

static void muting(int p, int l)
{
	double open, muted;

	must(!chan_int(p, DAHDI_TONEDETECT, DAHDI_TONEDETECT_ON), "TONEDETECT");
	open = digit_energy(p, l);
	must(!chan_int(p, DAHDI_TONEDETECT, DAHDI_TONEDETECT_ON | DAHDI_TONEDETECT_MUTE), "TONEDETECT");
	muted = digit_energy(p, l);
	must(!chan_int(p, DAHDI_TONEDETECT, 0), "TONEDETECT");
	check(muted >= 0 && muted * 3 < open, "a digit is muted once it is known (%.0f of %.0f)", muted, open);
}

static void off_hook(int p, int l)
{
	struct dahdi_params par = { 0 };
	char digits[16] = "";
	double stop;
	int e;

	seize(p, l);
	must(!ioctl(p, DAHDI_GET_PARAMS, &par), "GET_PARAMS");
	check(par.rxisoffhook, "off hook is seen by the port");
	must(!dial(l, "P307"), "pulse dialling");
	for (stop = now_ms() + 8000; now_ms() < stop && strlen(digits) < 3;) {
		e = event_next(p, 500);
		if (e & DAHDI_EVENT_PULSEDIGIT)
			digits[strlen(digits)] = (char)e;
	}
	check(!strcmp(digits, "307"), "dial pulses arrive (\"%s\")", digits);
	event_wait(l, DAHDI_EVENT_DIALCOMPLETE, 3000);
	events_drop(l, 10);

	check(!chan_int(p, DAHDI_TONEDETECT, DAHDI_TONEDETECT_ON), "TONEDETECT on");
	hear_digits(p, l, "0123456789*#ABCD");
	muting(p, l);
	must(!dial(l, "T5"), "DIAL");
	e = event_next(p, 600);
	check(!e, "TONEDETECT off: no more digits");
	check(chan_int(p, DAHDI_TONEDETECT, 8) == EINVAL, "TONEDETECT of an unknown mode is refused");
	events_drop(l, 500);

	must(!hook(l, DAHDI_FLASH), "flash");
	check(event_wait(p, DAHDI_EVENT_WINKFLASH, 3000) >= 0, "hook flash is seen by the port");
	check(event_wait(l, DAHDI_EVENT_HOOKCOMPLETE, 2000) >= 0, "and completes at the line");

	sleep_ms(700);
	must(!hook(p, DAHDI_ONHOOK), "port on hook");
	check(event_wait(l, DAHDI_EVENT_ONHOOK, 2000) >= 0, "disconnect clear is seen by the line");
	sleep_ms(900);
	must(!hook(l, DAHDI_ONHOOK), "line on hook");
	check(event_wait(p, DAHDI_EVENT_ONHOOK, 3000) >= 0, "on hook is seen by the port");
	events_drop(l, 10);
}

static void audio(int p, int l, int port)
{
	int plain, lossy, back;

	seize(p, l);
	plain = tone_through(p, l, 1000, 600);
	check(plain > 7600 && plain < 8400, "audio from the port to the line (%d of 8000)", plain);
	plain = tone_through(l, p, 1000, 600);
	check(plain > 7600 && plain < 8400, "audio from the line to the port (%d of 8000)", plain);
	must(!knob_set(knob(port, "loss_db"), 6), "loss_db");
	lossy = tone_through(p, l, 1000, 600);
	check(lossy > 3800 && lossy < 4200, "6 dB of loss halve it (%d)", lossy);
	must(!knob_set(knob(port, "loss_db"), 0), "loss_db");
	back = tone_through(p, p, 1000, 600);
	check(back < 30, "no echo from a perfect hybrid (%d)", back);
	must(!knob_set(knob(port, "hybrid_db"), 14) && !knob_set(knob(port, "echo_ms"), 20),
	     "hybrid_db, echo_ms");
	back = tone_through(p, p, 1000, 600);
	check(back > 1450 && back < 1750, "echo 14 dB down from a bad one (%d)", back);
	must(!knob_set(knob(port, "hybrid_db"), 60) && !knob_set(knob(port, "echo_ms"), 0),
	     "hybrid_db, echo_ms");
	check(knob_set(knob(port, "loss_db"), 41) == ERANGE && knob_get(knob(port, "loss_db")) == 0,
	      "a loss out of range is refused and changes nothing");
	release(p, l);
}

static void ringing(int p, int l, int port)
{
	struct dahdi_ring_cadence cadence = { { 1500, 1500 } };
	int ms;

	must(!ioctl(p, DAHDI_SETCADENCE, &cadence), "SETCADENCE");
	/* DAHDI holds ringing back so long after a line was hung up. */
	sleep_ms(2100);
	events_drop(l, 10);
	events_drop(p, 10);
	must(!knob_set(knob(port, "ring_delay_ms"), 600), "ring_delay_ms");
	must(!hook(p, DAHDI_RING), "ring");
	ms = event_wait(l, DAHDI_EVENT_RINGBEGIN, 2000);
	check(ms >= 600 - CATCH_UP && ms < 1600, "ringing voltage comes 600 ms late as set (%d ms)", ms);
	check(!strcmp(state(knob(port, "state"), "ac_mv"), "70000"), "ringing voltage is on the wire");
	ms = event_wait(l, DAHDI_EVENT_RINGOFFHOOK, 3000);
	check(ms >= 900 - CATCH_UP && ms < 2000, "the burst's end is seen by the line (%d ms)", ms);
	must(!knob_set(knob(port, "ring_delay_ms"), 0), "ring_delay_ms");
	check(event_wait(p, DAHDI_EVENT_RINGEROFF, 2000) >= 0, "ringer events at the port");

	/* In the silence after a burst a board passes caller identity. */
	ms = tone_through(p, l, 1200, 500);
	check(ms > 7600, "audio passes after a ring burst, on hook (%d)", ms);

	must(!knob_set(knob(port, "ring_trip_ms"), 600), "ring_trip_ms");
	must(event_wait(p, DAHDI_EVENT_RINGERON, 5000) >= 0, "next burst");
	must(!hook(l, DAHDI_OFFHOOK), "answer");
	ms = event_wait(p, DAHDI_EVENT_RINGOFFHOOK, 2000);
	check(ms >= 600 - CATCH_UP && ms < 1600, "ringing trips 600 ms after the answer as set (%d ms)", ms);
	must(!hook(p, DAHDI_OFFHOOK), "port off hook");
	check(event_wait(p, DAHDI_EVENT_RINGERON, 3200) < 0, "no more ringing after the answer");
	check(!strcmp(state(knob(port, "state"), "loop"), "1"), "the loop stands");
	must(!knob_set(knob(port, "ring_trip_ms"), 30), "ring_trip_ms");
	release(p, l);
}

void test_line(int port, int line)
{
	int p = chan_open(port, 160), l = chan_open(line, 160);

	sleep_ms(200);
	events_drop(p, 10);
	events_drop(l, 10);
	off_hook(p, l);
	audio(p, l, port);
	ringing(p, l, port);
	close(p);
	close(l);
}

static int vmwi(int fd, int type, int messages)
{
	struct dahdi_vmwi_info info = { .vmwi_type = type };

	if (ioctl(fd, DAHDI_VMWI_CONFIG, &info))
		return errno;
	return chan_int(fd, DAHDI_VMWI, messages);
}

void test_lamps(int port, int line)
{
	int p = chan_open(port, 160), l = chan_open(line, 160), level;

	sleep_ms(100);
	events_drop(l, 10);
	must(!vmwi(p, DAHDI_VMWI_HVAC, 3), "VMWI");
	check(event_wait(l, DAHDI_EVENT_NEONMWI_ACTIVE, 500) >= 0, "neon lamp voltage is seen by the line");
	check(!strcmp(state(knob(port, "state"), "lamp"), "neon"), "lamp=neon, 90 V");
	check(chan_int(p, DAHDI_SETPOLARITY, 1) == EINVAL, "SETPOLARITY is refused while the lamp flashes");
	hook(l, DAHDI_OFFHOOK);
	check(event_wait(l, DAHDI_EVENT_NEONMWI_INACTIVE, 500) >= 0, "off hook takes the lamp voltage away");
	hook(l, DAHDI_ONHOOK);
	check(event_wait(l, DAHDI_EVENT_NEONMWI_ACTIVE, 500) >= 0, "on hook brings it back");
	must(!vmwi(p, DAHDI_VMWI_HVAC, 0), "VMWI");
	check(event_wait(l, DAHDI_EVENT_NEONMWI_INACTIVE, 500) >= 0, "no messages: lamp off");
	must(!vmwi(p, DAHDI_VMWI_HVDC, 1), "VMWI");
	check(state_becomes(knob(port, "state"), "ring_mv", "-90000", 200), "90 V direct voltage for a lamp");
	must(!vmwi(p, DAHDI_VMWI_LREV, 1), "VMWI");
	check(event_wait(l, DAHDI_EVENT_POLARITY, 500) >= 0, "line reversal for messages");
	must(!vmwi(p, DAHDI_VMWI_LREV, 0), "VMWI");
	check(event_wait(l, DAHDI_EVENT_POLARITY, 500) >= 0, "and back");
	check(vmwi(p, 8, 0) == EINVAL, "an unknown kind of lamp is refused");
	check(!vmwi(p, 0, 1), "FSK only: nothing on the wire");
	check(event_next(l, 200) == 0, "and no event");
	check(chan_int(l, DAHDI_VMWI, 1) == ENOTTY, "a line interface has no lamp");

	must(!chan_int(p, DAHDI_SETPOLARITY, 1), "SETPOLARITY 1");
	check(event_wait(l, DAHDI_EVENT_POLARITY, 500) >= 0, "SETPOLARITY 1");
	check(!strcmp(state(knob(port, "state"), "tip_mv"), "-48000"), "tip is the negative wire now");
	must(!chan_int(p, DAHDI_SETPOLARITY, 0), "SETPOLARITY 0");
	check(event_wait(l, DAHDI_EVENT_POLARITY, 500) >= 0, "SETPOLARITY 0");

	level = tone_through(p, l, 1200, 400);
	check(level < 30, "no audio on hook (%d)", level);
	must(!chan_int(p, DAHDI_ONHOOKTRANSFER, 1500), "ONHOOKTRANSFER");
	level = tone_through(p, l, 1200, 400);
	check(level > 7600, "audio on hook after ONHOOKTRANSFER (%d)", level);
	close(p);
	close(l);
}

void test_wire(int port, int line)
{
	int p = chan_open(port, 160), l = chan_open(line, 160), ms;
	struct wctdm_stats stats;

	sleep_ms(100);
	events_drop(l, 10);
	must(!ioctl(p, WCTDM_GET_STATS, &stats), "WCTDM_GET_STATS");
	check(stats.tipvolt == 0 && stats.ringvolt == -48000, "battery is 48 V (tip %d ring %d mV)",
	      stats.tipvolt, stats.ringvolt);
	must(!knob_set(knob(port, "cut"), 1), "cut");
	ms = event_wait(l, DAHDI_EVENT_ALARM, 2500);
	check(ms >= 1000 - CATCH_UP && ms < 2000, "a cut wire is an alarm at the line after 1 s (%d ms)", ms);
	must(!knob_set(knob(port, "cut"), 0), "cut");
	check(event_wait(l, DAHDI_EVENT_NOALARM, 500) >= 0, "and the alarm goes");

	must(!knob_set(knob(port, "loop_ohms"), 9000), "loop_ohms");
	hook(l, DAHDI_OFFHOOK);
	check(event_wait(p, DAHDI_EVENT_RINGOFFHOOK, 500) < 0, "too long a loop draws too little current");
	must(!knob_set(knob(port, "loop_ohms"), 300), "loop_ohms");
	check(event_wait(p, DAHDI_EVENT_RINGOFFHOOK, 500) >= 0, "a short one is seen");
	check(!strcmp(state(knob(port, "state"), "current_ma"), "23"), "loop current is 23 mA");
	hook(l, DAHDI_ONHOOK);
	close(p);
	close(l);
}

void test_ground_start(int port, int line)
{
	int p = chan_open(port, 160), l = chan_open(line, 160);

	sleep_ms(100);
	events_drop(p, 10);
	check(!strcmp(state(knob(port, "state"), "battery"), "0"), "an idle ground start line has no battery");
	must(!hook(l, DAHDI_START), "START");
	check(event_wait(p, DAHDI_EVENT_RINGOFFHOOK, 2000) >= 0, "ring ground is seen by the port");
	must(!hook(p, DAHDI_OFFHOOK), "port answers");
	check(state_becomes(knob(port, "state"), "loop", "1", 3000), "and the loop stands");
	hook(l, DAHDI_ONHOOK);
	close(p);
	close(l);
}
