/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * One end of a fax on 127.0.0.1: spandsp's terminal behind T.38 over UDPTL, with a UDPTL that knows primary packets only (what
 * is repeated for lost ones is not needed on a loopback), or a fax machine on a telephone line (`audio`).
 *
 *   t38_end send FILE.tif [audio]       makes a page, writes it to FILE.tif and sends it
 *   t38_end receive FILE.tif [audio]    receives into FILE.tif
 *
 * Prints `port N`, reads `to PORT` (not with `audio`: it answers each datagram of samples with as many, 16 bits, little endian, and
 * its time is that of the line), and when the fax is over prints `result CODE pages N rows N black N ecm N` (code 0: no error;
 * the page's own figures, of the file; ecm 1: it went with error correction, which both ends can do). Gives up after 60 s. */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tiffio.h>
#define SPANDSP_EXPOSE_INTERNAL_STRUCTURES
#include <spandsp.h>

enum { WIDTH = 1728, ROWS = 120, TICK = 160 };

struct end {
	int socket;
	struct sockaddr_in to;
	uint16_t sequence;
	bool over;
	int result;
};

static int send_ifp(t38_core_state_t *core, void *user, const uint8_t *ifp, int len, int count)
{
	struct end *end = user;
	uint8_t packet[300];
	(void) core;
	if (len > 250)
		return -1;
	packet[0] = (uint8_t) (end->sequence >> 8);
	packet[1] = (uint8_t) end->sequence;
	end->sequence++;
	size_t at = 2;
	if (len >= 128)
		packet[at++] = 0x80;
	packet[at++] = (uint8_t) len;
	memcpy(packet + at, ifp, (size_t) len);
	at += (size_t) len;
	packet[at++] = 0; /* error recovery by earlier packets … */
	packet[at++] = 0; /* … of which there are none */
	for (int i = 0; i < count; i++)
		sendto(end->socket, packet, at, 0, (struct sockaddr *) &end->to, sizeof end->to);
	return 0;
}

static void receive(struct end *end, t38_core_state_t *core)
{
	uint8_t packet[2048];
	ssize_t len;
	while ((len = recv(end->socket, packet, sizeof packet, MSG_DONTWAIT)) >= 0) {
		if (len < 4)
			continue;
		uint16_t sequence = (uint16_t) (packet[0] << 8 | packet[1]);
		size_t at = 3, octets = packet[2];
		if (octets & 0x80)
			octets = (octets & 0x3f) << 8 | packet[at++];
		if (at + octets <= (size_t) len)
			t38_core_rx_ifp_packet(core, packet + at, (int) octets, sequence);
	}
}

static void phase_e(t30_state_t *t30, void *user, int code)
{
	struct end *end = user;
	(void) t30;
	end->over = true;
	end->result = code;
}

/* A page whose rows differ from each other. */
static bool make_page(const char *file)
{
	uint8_t row[WIDTH / 8];
	TIFF *tiff = TIFFOpen(file, "w");
	if (!tiff)
		return false;
	TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, WIDTH);
	TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, ROWS);
	TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 1);
	TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, 1);
	TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, ROWS);
	TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_CCITT_T4);
	TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
	TIFFSetField(tiff, TIFFTAG_FILLORDER, FILLORDER_LSB2MSB);
	TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 204.0);
	TIFFSetField(tiff, TIFFTAG_YRESOLUTION, 98.0);
	TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH);
	for (uint32_t at = 0; at < ROWS; at++) {
		for (uint32_t octet = 0; octet < sizeof row; octet++)
			row[octet] = (octet + at) % 24 < 3 + at % 5 ? 0xf0 : 0;
		if (TIFFWriteScanline(tiff, row, at, 0) < 0)
			return false;
	}
	TIFFWriteDirectory(tiff);
	TIFFClose(tiff);
	return true;
}

static void measure(const char *file, unsigned *rows, unsigned *black)
{
	uint8_t row[4096];
	uint32_t length = 0;
	TIFF *tiff = TIFFOpen(file, "r");
	*rows = *black = 0;
	if (!tiff)
		return;
	TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &length);
	tmsize_t size = TIFFScanlineSize(tiff);
	for (uint32_t at = 0; at < length && size <= (tmsize_t) sizeof row; at++) {
		if (TIFFReadScanline(tiff, row, at, 0) < 0)
			break;
		(*rows)++;
		for (tmsize_t octet = 0; octet < size; octet++)
			*black += (unsigned) __builtin_popcount(row[octet]);
	}
	TIFFClose(tiff);
}

static void prepare(t30_state_t *t30, struct end *end, bool sends, const char *file)
{
	t30_set_tx_ident(t30, sends ? "111" : "222");
	t30_set_phase_e_handler(t30, phase_e, end);
	t30_set_ecm_capability(t30, true);
	if (sends)
		t30_set_tx_file(t30, file, -1, -1);
	else
		t30_set_rx_file(t30, file, -1);
}

/* The fax machine: it lives as long as the line does, and a second after its fax. */
static t30_stats_t on_a_line(struct end *end, bool sends, const char *file)
{
	fax_state_t *fax = fax_init(NULL, sends);
	t30_state_t *t30 = fax_get_t30_state(fax);
	prepare(t30, end, sends, file);
	t30_set_supported_modems(t30, T30_SUPPORT_V27TER | T30_SUPPORT_V29 | T30_SUPPORT_V17);
	int16_t samples[4800];
	struct sockaddr_in line;
	int left = 8000;
	struct timeval limit = { .tv_sec = 60 };
	setsockopt(end->socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	while (left > 0) {
		socklen_t size = sizeof line;
		ssize_t len = recvfrom(end->socket, samples, sizeof samples, 0, (struct sockaddr *) &line, &size);
		if (len <= 0)
			break;
		int count = (int) (len / 2);
		fax_rx(fax, samples, count);
		int said = fax_tx(fax, samples, count);
		for (int at = said; at < count; at++)
			samples[at] = 0;
		sendto(end->socket, samples, (size_t) count * 2, 0, (struct sockaddr *) &line, size);
		if (end->over)
			left -= count;
	}
	t30_stats_t stats;
	t30_get_transfer_statistics(t30, &stats);
	fax_release(fax);
	return stats;
}

static t30_stats_t on_a_network(struct end *end, bool sends, const char *file)
{
	t38_terminal_state_t *terminal = t38_terminal_init(NULL, sends, send_ifp, end);
	t38_core_state_t *core = t38_terminal_get_t38_core_state(terminal);
	t30_state_t *t30 = t38_terminal_get_t30_state(terminal);
	t38_set_t38_version(core, 0);
	prepare(t30, end, sends, file);
	int after = 0;
	struct timespec next;
	clock_gettime(CLOCK_MONOTONIC, &next);
	for (int tick = 0; tick < 60 * 50 && after < 50; tick++) {
		receive(end, core);
		t38_terminal_send_timeout(terminal, TICK);
		if (end->over)
			after++; /* what has been sent last is to arrive */
		next.tv_nsec += 20 * 1000 * 1000;
		if (next.tv_nsec >= 1000000000) {
			next.tv_nsec -= 1000000000;
			next.tv_sec++;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
	}
	t30_stats_t stats;
	t30_get_transfer_statistics(t30, &stats);
	t38_terminal_release(terminal);
	return stats;
}

int main(int argc, char **argv)
{
	bool audio = argc == 4 && !strcmp(argv[3], "audio");
	if ((argc != 3 && !audio) || (strcmp(argv[1], "send") && strcmp(argv[1], "receive"))) {
		fprintf(stderr, "usage: t38_end send|receive FILE.tif [audio]\n");
		return 2;
	}
	bool sends = !strcmp(argv[1], "send");
	struct end end = { .socket = socket(AF_INET, SOCK_DGRAM, 0), .result = -1 };
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof own;
	if (end.socket < 0 || bind(end.socket, (struct sockaddr *) &own, sizeof own) ||
	    getsockname(end.socket, (struct sockaddr *) &own, &size)) {
		perror("t38_end");
		return 1;
	}
	if (sends && !make_page(argv[2])) {
		fprintf(stderr, "t38_end: %s cannot be written\n", argv[2]);
		return 1;
	}
	printf("port %u\n", ntohs(own.sin_port));
	fflush(stdout);
	unsigned port = 0;
	if (!audio && scanf(" to %u", &port) != 1)
		return 1;
	end.to = own;
	end.to.sin_port = htons((uint16_t) port);

	t30_stats_t stats = audio ? on_a_line(&end, sends, argv[2]) : on_a_network(&end, sends, argv[2]);
	unsigned rows, black;
	measure(argv[2], &rows, &black);
	printf("result %d pages %d rows %u black %u ecm %d\n", end.result, sends ? stats.pages_tx : stats.pages_rx, rows, black,
	       stats.error_correcting_mode);
	return end.result == 0 ? 0 : 1;
}
