/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The guest's self-test of kernel-drivers/vline. Expects the module loaded with
 * lines=4 e1=2 t1=1 and dahdi_cfg run on ../vline.conf; see ../selftest.sh.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "check.h"

static void spans(void)
{
	static const struct {
		const char *name, *type;
		int channels;
	} want[] = {
		{ "VLINE/FXS", "FXS", 4 }, { "VLINE/FXO", "FXO", 4 },
		{ "VLINE/e1-0/a", "E1", 31 }, { "VLINE/e1-0/b", "E1", 31 },
		{ "VLINE/e1-1/a", "E1", 31 }, { "VLINE/e1-1/b", "E1", 31 },
		{ "VLINE/t1-0/a", "T1", 24 }, { "VLINE/t1-0/b", "T1", 24 },
	};
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		struct dahdi_spaninfo s = span_stat(want[i].name);

		note("type %s channels %d alarms 0x%x ", s.spantype, s.totalchans, s.alarms);
		check(!strcmp(s.spantype, want[i].type) && s.totalchans == want[i].channels && !s.alarms,
		      "span %s: %s, %d channels, no alarm", want[i].name, want[i].type, want[i].channels);
	}
}

/* A board is pulled out under an open channel, and put back. */
void test_removal(const char *board, int chan)
{
	char present[64];
	int fd = chan_open(chan, 160), ep = epoll_create1(EPOLL_CLOEXEC), e = 0;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLPRI };

	/* As an asynchronous program has it: the wait queue stays in the set. */
	must(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), "epoll");
	snprintf(present, sizeof(present), "%s/present", board);
	must(!knob_set(present, 0), "%s", present);
	check(ioctl(fd, DAHDI_GETEVENT, &e) && errno == ENODEV && e == DAHDI_EVENT_REMOVED,
	      "%s pulled out: event 20 and ENODEV at the open channel", board);
	check(!knob_get(present), "%s: present=0", board);
	must(!knob_set(present, 1), "%s", present);
	check(ioctl(fd, DAHDI_GETEVENT, &e) && errno == ENODEV, "%s put back: the old descriptor stays dead",
	      board);
	close(ep);
	close(fd);
	check(knob_set(present, 2) == ERANGE, "%s: present=2 is refused", board);
}

int main(int argc, char **argv)
{
	int port, line;

	if (argc == 3 && !strcmp(argv[1], "hold")) {
		/* Keeps a channel open until standard input ends. */
		port = chan_open(span_base(argv[2]), 160);
		printf("open\n");
		fflush(stdout);
		while (read(0, &line, sizeof(line)) > 0)
			;
		close(port);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "law")) {
		/* Prints the law of a span's first channel. */
		struct dahdi_params p = { .channo = span_base(argv[2]) };

		must(!ioctl(ctl(), DAHDI_GET_PARAMS, &p), "GET_PARAMS");
		puts(p.curlaw == DAHDI_LAW_ALAW ? "alaw" : "mulaw");
		return 0;
	}
	must(span_no("VLINE/FXS") && span_no("VLINE/FXO"), "no vline board");
	spans();
	port = span_base("VLINE/FXS");
	line = span_base("VLINE/FXO");
	test_line(port, line);
	test_lamps(port + 1, line + 1);
	test_wire(port + 2, line + 2);
	test_ground_start(port + 3, line + 3);
	test_hdlc("VLINE/e1-0/a", "VLINE/e1-0/b", 16);
	test_hdlc("VLINE/t1-0/a", "VLINE/t1-0/b", 24);
	test_clear("VLINE/e1-0/a", "VLINE/e1-0/b");
	test_clear("VLINE/t1-0/a", "VLINE/t1-0/b");
	test_alarms("e1-0", "VLINE/e1-0/a", "VLINE/e1-0/b", 16);
	test_alarms("t1-0", "VLINE/t1-0/a", "VLINE/t1-0/b", 24);
	test_framing("VLINE/e1-0/a", "VLINE/e1-0/b", false);
	test_framing("VLINE/t1-0/a", "VLINE/t1-0/b", true);
	test_errors("e1-0", "VLINE/e1-0/a", "VLINE/e1-0/b", 16);
	test_errors("t1-0", "VLINE/t1-0/a", "VLINE/t1-0/b", 24);
	test_maintenance("VLINE/e1-0/a", "VLINE/e1-0/b", 16);
	test_maintenance("VLINE/t1-0/a", "VLINE/t1-0/b", 24);
	test_bits("VLINE/e1-1/a", "VLINE/e1-1/b", 1);
	test_bits("VLINE/e1-1/a", "VLINE/e1-1/b", 31);
	test_channel_bank("VLINE/t1-0/a", "VLINE/t1-0/b");
	test_shutdown("VLINE/t1-0/a", "VLINE/t1-0/b");
	test_removal("analogue", port);
	test_removal("e1-0", span_base("VLINE/e1-0/a") + 15);
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
