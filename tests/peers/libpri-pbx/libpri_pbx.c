/* SPDX-License-Identifier: GPL-2.0-only
 *
 * libpri_pbx - a scriptable ISDN PRI test exchange.
 *
 * The layer 2 (Q.921) and layer 3 (Q.931, QSIG, ROSE) protocol engine is the
 * distribution's libpri shared library, which this program only links to.
 * Frames travel over an ordinary socket instead of a timeslot, so a gateway
 * under test can be connected to an independent third-party implementation
 * without any telephony hardware.
 *
 * Everything in this file is original work.  See README.md next to it for the
 * socket framing, the command language, the event format and the caveats.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libpri.h>
#include <malloc.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* ---------------------------------------------------------------- limits */

#define MAX_FRAME   1024
#define MAX_CALLS   512
#define MAX_ACTIONS 1024
#define MAX_LAMPS   4096
#define MAX_USERS   256

/* Q.931 message types that libpri takes as "carry this APDU in" selectors. */
#define M_SETUP    0x05
#define M_CONNECT  0x07
#define M_RELEASE  0x4d
#define M_RELCOMP  0x5a
#define M_FACILITY 0x62
#define M_ANY      (-1)

/* Functions that libpri.so exports but libpri.h does not declare. */
extern int pri_call_apdu_queue(q931_call *call, int messagetype, const unsigned char *apdu,
	int apdu_len, void *response);
extern int q931_facility(struct pri *ctrl, q931_call *call);
extern const char *rose_operation2str(int operation);

/* ------------------------------------------------------------- small things */

static uint64_t now_ms(void)
{
	struct timeval tv;

	gettimeofday(&tv, NULL);
	return (uint64_t) tv.tv_sec * 1000u + (uint64_t) tv.tv_usec / 1000u;
}

static void cpy(char *dst, const char *src, size_t size)
{
	snprintf(dst, size, "%s", src ? src : "");
}

/* ------------------------------------------------------------- JSON output */

static char jbuf[65536];
static size_t jlen;

static void j_raw(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void j_raw(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(jbuf + jlen, sizeof(jbuf) - jlen, fmt, ap);
	va_end(ap);
	if (n > 0) {
		jlen += (size_t) n;
		if (jlen >= sizeof(jbuf)) {
			jlen = sizeof(jbuf) - 1;
		}
	}
}

static void j_quote(const char *s)
{
	j_raw("\"");
	for (; *s; ++s) {
		unsigned char c = (unsigned char) *s;

		if (c == '"' || c == '\\') {
			j_raw("\\%c", c);
		} else if (c < 0x20 || c >= 0x7f) {
			j_raw("\\u%04x", c);
		} else {
			j_raw("%c", c);
		}
	}
	j_raw("\"");
}

static void j_begin(const char *ev)
{
	jlen = 0;
	j_raw("{\"t\":%llu,\"ev\":\"%s\"", (unsigned long long) now_ms(), ev);
}

static void j_str(const char *key, const char *value)
{
	j_raw(",\"%s\":", key);
	j_quote(value ? value : "");
}

static void j_int(const char *key, long value)
{
	j_raw(",\"%s\":%ld", key, value);
}

static void j_bool(const char *key, int value)
{
	j_raw(",\"%s\":%s", key, value ? "true" : "false");
}

static void j_hex(const char *key, const unsigned char *p, size_t len)
{
	j_raw(",\"%s\":\"", key);
	while (len--) {
		j_raw("%02x", *p++);
	}
	j_raw("\"");
}

static void j_end(void)
{
	j_raw("}");
	puts(jbuf);
	fflush(stdout);
}

static void warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void warn(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	j_begin("warn");
	j_str("text", text);
	j_end();
}

/* ------------------------------------------------------------- settings */

enum transport { TR_TCP, TR_UNIX, TR_UDP, TR_DAHDI };

enum mwi_policy {
	MWI_OK,						/* accept: return result */
	MWI_ERROR,					/* return error <arg> */
	MWI_REJECT,					/* ROSE reject, invoke problem <arg> */
	MWI_IGNORE,					/* never answer the SETUP */
	MWI_UNSUPPORTED,			/* libpri's own behaviour: RELEASE COMPLETE, cause 69 */
	MWI_CAUSE,					/* clear with cause <arg> and no APDU */
	MWI_SILENT,					/* CONNECT without any APDU */
};

enum mwi_at { AT_CONNECT, AT_FACILITY, AT_RELEASE };

enum call_policy { CALL_MANUAL, CALL_ANSWER, CALL_ALERT, CALL_PROCEED, CALL_REJECT, CALL_IGNORE };

static struct {
	int node;
	int swtype;
	const char *swname;
	enum transport tr;
	int listening;
	char addr[256];
	char addr2[256];
	int fcs;
	int frames;
	int t1;
	const char *pcap;
	int debug;

	enum mwi_policy mwi;
	int mwi_arg;
	enum mwi_at mwi_at;
	int mwi_delay;
	int mwi_short;				/* return result without the result sequence */
	int mwi_proceeding;			/* CALL PROCEEDING first */
	char users[MAX_USERS][32];
	int nusers;

	enum call_policy call;
	int call_arg;
	int call_delay;
	char cname[64];				/* connected name */
} cfg = {
	.node = PRI_NETWORK,
	.swtype = PRI_SWITCH_QSIG,
	.swname = "qsig",
	.call = CALL_MANUAL,
	.call_delay = 200,
};

/* ------------------------------------------------------------- layer 1 */

static int listen_fd = -1;
static int data_fd = -1;
static struct sockaddr_storage udp_peer;
static socklen_t udp_peer_len;
static int l1_blocked;			/* the "l1 down" command */
static int drop_tx, drop_rx, dup_tx;
static uint64_t next_connect;

static unsigned char rx_stream[65536];
static size_t rx_stream_len;

static unsigned char rx_frame[MAX_FRAME];
static int rx_frame_len;

static FILE *pcap_fp;
static struct pri *pri;
static int l2_up;
static int calibrating;

static uint16_t fcs16(const unsigned char *p, size_t len)
{
	uint16_t crc = 0xffff;

	while (len--) {
		int i;

		crc ^= *p++;
		for (i = 0; i < 8; ++i) {
			crc = (crc & 1) ? (uint16_t) ((crc >> 1) ^ 0x8408) : (uint16_t) (crc >> 1);
		}
	}
	return (uint16_t) ~crc;
}

static void put32(FILE *fp, uint32_t v)
{
	fwrite(&v, 4, 1, fp);
}

static void pcap_open(const char *name)
{
	uint16_t two = 2, four = 4;

	pcap_fp = fopen(name, "wb");
	if (!pcap_fp) {
		warn("cannot write %s: %s", name, strerror(errno));
		return;
	}
	put32(pcap_fp, 0xa1b2c3d4u);
	fwrite(&two, 2, 1, pcap_fp);
	fwrite(&four, 2, 1, pcap_fp);
	put32(pcap_fp, 0);
	put32(pcap_fp, 0);
	put32(pcap_fp, 65535);
	put32(pcap_fp, 177);		/* LINKTYPE_LINUX_LAPD */
	fflush(pcap_fp);
}

/* pcap record: 16 octet "Linux cooked" LAPD pseudo header, then the frame. */
static void pcap_frame(int tx, const unsigned char *frame, size_t len)
{
	unsigned char sll[16] = { 0 };
	struct timeval tv;

	if (!pcap_fp) {
		return;
	}
	gettimeofday(&tv, NULL);
	sll[1] = tx ? 4 : 0;		/* packet type: outgoing / to us */
	sll[6] = cfg.node == PRI_NETWORK ? 1 : 0;	/* this side is the network */
	sll[15] = 0x30;				/* ETH_P_LAPD */
	put32(pcap_fp, (uint32_t) tv.tv_sec);
	put32(pcap_fp, (uint32_t) tv.tv_usec);
	put32(pcap_fp, (uint32_t) (len + sizeof(sll)));
	put32(pcap_fp, (uint32_t) (len + sizeof(sll)));
	fwrite(sll, 1, sizeof(sll), pcap_fp);
	fwrite(frame, 1, len, pcap_fp);
	fflush(pcap_fp);
}

static const char *l3_name(unsigned mt)
{
	switch (mt) {
	case 0x01: return "ALERTING";
	case 0x02: return "CALL PROCEEDING";
	case 0x03: return "PROGRESS";
	case 0x05: return "SETUP";
	case 0x07: return "CONNECT";
	case 0x0d: return "SETUP ACKNOWLEDGE";
	case 0x0f: return "CONNECT ACKNOWLEDGE";
	case 0x24: return "HOLD";
	case 0x28: return "HOLD ACKNOWLEDGE";
	case 0x30: return "HOLD REJECT";
	case 0x31: return "RETRIEVE";
	case 0x33: return "RETRIEVE ACKNOWLEDGE";
	case 0x37: return "RETRIEVE REJECT";
	case 0x45: return "DISCONNECT";
	case 0x46: return "RESTART";
	case 0x4d: return "RELEASE";
	case 0x4e: return "RESTART ACKNOWLEDGE";
	case 0x5a: return "RELEASE COMPLETE";
	case 0x60: return "SEGMENT";
	case 0x62: return "FACILITY";
	case 0x64: return "REGISTER";
	case 0x6e: return "NOTIFY";
	case 0x75: return "STATUS ENQUIRY";
	case 0x79: return "CONGESTION CONTROL";
	case 0x7b: return "INFORMATION";
	case 0x7d: return "STATUS";
	}
	return "?";
}

static void frame_event(const char *dir, const unsigned char *f, size_t len)
{
	char l2[64] = "?";
	size_t info = 0;

	if (!cfg.frames || calibrating) {
		return;
	}
	if (len >= 3) {
		unsigned c = f[2];

		if (!(c & 1) && len >= 4) {
			snprintf(l2, sizeof(l2), "I ns=%u nr=%u p=%u", c >> 1, f[3] >> 1, f[3] & 1);
			info = 4;
		} else if ((c & 3) == 1 && len >= 4) {
			static const char *const s[4] = { "RR", "RNR", "REJ", "S?" };

			snprintf(l2, sizeof(l2), "%s nr=%u pf=%u", s[(c >> 2) & 3], f[3] >> 1, f[3] & 1);
		} else {
			const char *n = "U?";

			switch (c & 0xef) {
			case 0x6f: n = "SABME"; break;
			case 0x0f: n = "DM"; break;
			case 0x03: n = "UI"; break;
			case 0x43: n = "DISC"; break;
			case 0x63: n = "UA"; break;
			case 0x87: n = "FRMR"; break;
			case 0xaf: n = "XID"; break;
			}
			snprintf(l2, sizeof(l2), "%s pf=%u", n, (c >> 4) & 1);
		}
	}
	j_begin("frame");
	j_str("dir", dir);
	j_str("l2", l2);
	if (info && len >= info + 2 && f[info] == 0x08) {
		unsigned crl = f[info + 1] & 0x0f;

		if (len >= info + 3 + crl) {
			unsigned cr = 0, i;

			for (i = 0; i < crl; ++i) {
				cr = (cr << 8) | f[info + 2 + i];
			}
			j_str("l3", l3_name(f[info + 2 + crl]));
			j_int("cr", crl == 2 ? (cr & 0x7fff) : (cr & 0x7f));
			j_bool("cr_flag", crl && (f[info + 2] & 0x80));
		}
	}
	j_hex("hex", f, len);
	j_end();
}

static void l1_event(const char *state, const char *why)
{
	j_begin("l1");
	j_str("state", state);
	if (why) {
		j_str("why", why);
	}
	j_end();
}

static void l1_close(const char *why)
{
	if (data_fd >= 0 && cfg.tr != TR_UDP) {
		close(data_fd);
		data_fd = -1;
		rx_stream_len = 0;
		next_connect = now_ms() + 300;
		l1_event("down", why);
	}
}

/* ------------------------------------------- a D channel of a DAHDI board */

#define DAHDI_GETEVENT	_IOR(0xda, 8, int)
#define DAHDI_SPECIFY	_IOW(0xda, 38, int)
#define DAHDI_ELAST	500	/* reading and writing, while an event waits */

static void dahdi_events(void)
{
	int e = 0;

	while (!ioctl(data_fd, DAHDI_GETEVENT, &e) && e) {
		if (e == 4 || e == 5) {
			l1_event(e == 4 ? "alarm" : "clear", NULL);
		}
	}
}

/* The two octets behind the frame are the kernel's, for the FCS. */
static void dahdi_send(const unsigned char *f, size_t len)
{
	unsigned char out[MAX_FRAME + 2] = "";
	int tries;

	memcpy(out, f, len);
	for (tries = 0; tries < 100; ++tries) {
		if (write(data_fd, out, len + 2) >= 0) {
			return;
		}
		if (errno == DAHDI_ELAST) {
			dahdi_events();
		} else if (errno == EAGAIN) {
			struct pollfd p = { data_fd, POLLOUT, 0 };

			poll(&p, 1, 100);
		} else if (errno != EINTR) {
			l1_close(strerror(errno));
			return;
		}
	}
}

static int dahdi_open(int channel)
{
	struct {
		int txpolicy, rxpolicy, numbufs, bufsize, readbufs, writebufs;
	} b = { 0, 0, 16, 1024, 0, 0 };
	int fd = open("/dev/dahdi/channel", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, DAHDI_SPECIFY, &channel)
		|| ioctl(fd, _IOC(_IOC_WRITE, 0xda, 27, sizeof(b)), &b)) {
		if (fd >= 0) {
			close(fd);
		}
		return -1;
	}
	return fd;
}

static void l1_send_once(const unsigned char *f, size_t len)
{
	unsigned char out[MAX_FRAME + 8];
	size_t n = 0;

	if (cfg.tr == TR_TCP) {
		size_t total = len + (cfg.fcs ? 2 : 0);

		out[n++] = (unsigned char) (total >> 8);
		out[n++] = (unsigned char) total;
	}
	memcpy(out + n, f, len);
	n += len;
	if (cfg.fcs) {
		uint16_t crc = fcs16(f, len);

		out[n++] = (unsigned char) crc;
		out[n++] = (unsigned char) (crc >> 8);
	}
	if (cfg.tr == TR_DAHDI) {
		dahdi_send(f, len);
	} else if (cfg.tr == TR_UDP) {
		if (udp_peer_len) {
			sendto(data_fd, out, n, 0, (struct sockaddr *) &udp_peer, udp_peer_len);
		}
	} else {
		size_t done = 0;

		while (done < n) {
			ssize_t w = send(data_fd, out + done, n - done, MSG_NOSIGNAL);

			if (w < 0) {
				if (errno == EINTR) {
					continue;
				}
				if (errno == EAGAIN) {
					struct pollfd p = { data_fd, POLLOUT, 0 };

					poll(&p, 1, 100);
					continue;
				}
				l1_close(strerror(errno));
				return;
			}
			done += (size_t) w;
		}
	}
}

static void l1_send(const unsigned char *f, size_t len)
{
	if (calibrating) {
		return;
	}
	if (drop_tx > 0) {
		--drop_tx;
		frame_event("tx-dropped", f, len);
		return;
	}
	if (data_fd < 0 || l1_blocked) {
		return;
	}
	/* the capture first: who waits for the event may end us on it */
	pcap_frame(1, f, len);
	frame_event("tx", f, len);
	l1_send_once(f, len);
	if (dup_tx > 0 && data_fd >= 0) {
		--dup_tx;
		pcap_frame(1, f, len);
		frame_event("tx-dup", f, len);
		l1_send_once(f, len);
	}
}

/* libpri hands over address..info plus two octets of room for the FCS. */
static int io_write(struct pri *p, void *buf, int buflen)
{
	(void) p;
	if (buflen > 2) {
		l1_send(buf, (size_t) buflen - 2);
	}
	return buflen;
}

/* libpri wants the frame plus two octets that it takes for the FCS. */
static int io_read(struct pri *p, void *buf, int buflen)
{
	int n = rx_frame_len;

	(void) p;
	if (n <= 0 || n + 2 > buflen) {
		return 0;
	}
	memcpy(buf, rx_frame, (size_t) n);
	memset((unsigned char *) buf + n, 0, 2);
	rx_frame_len = 0;
	return n + 2;
}

static int io_null_write(struct pri *p, void *buf, int buflen)
{
	(void) p;
	(void) buf;
	return buflen;
}

static int io_null_read(struct pri *p, void *buf, int buflen)
{
	(void) p;
	(void) buf;
	(void) buflen;
	return 0;
}

/* ------------------------------------------------------------- call table */

struct mwi_info {
	int op;						/* 80, 81, 82 */
	int etsi;					/* EN 300 745-1: connectionless, global values */
	int invoke_id;
	int plan;					/* PartyNumber choice tag */
	int ton;
	char number[64];
	int service;
	long nb;					/* -1 absent */
	int priority;				/* -1 absent */
	char originating[64];
	char timestamp[40];
	char centre[64];			/* "int:5", "num:1234", "str:99" */
	unsigned char ie[260];
	int ie_len;
};

struct callrec {
	int id;
	q931_call *c;
	int out;
	int cis;
	int chan;
	char called[64];
	char calling[64];
	const char *state;
	int have_mwi;
	struct mwi_info mwi;
	int answered_apdu;
};

static struct callrec calls[MAX_CALLS];
static int next_call_id = 1;
static unsigned char chan_busy[32];

static struct callrec *call_by_ptr(q931_call *c)
{
	int i;

	for (i = 0; c && i < MAX_CALLS; ++i) {
		if (calls[i].c == c) {
			return &calls[i];
		}
	}
	return NULL;
}

static struct callrec *call_by_id(int id)
{
	int i;

	for (i = 0; i < MAX_CALLS; ++i) {
		if (calls[i].c && calls[i].id == id) {
			return &calls[i];
		}
	}
	return NULL;
}

static struct callrec *call_last(void)
{
	struct callrec *best = NULL;
	int i;

	for (i = 0; i < MAX_CALLS; ++i) {
		if (calls[i].c && (!best || calls[i].id > best->id)) {
			best = &calls[i];
		}
	}
	return best;
}

static struct callrec *call_new(q931_call *c, int out)
{
	int i;

	for (i = 0; i < MAX_CALLS; ++i) {
		if (!calls[i].c) {
			memset(&calls[i], 0, sizeof(calls[i]));
			calls[i].c = c;
			calls[i].out = out;
			calls[i].id = next_call_id++;
			calls[i].state = "new";
			return &calls[i];
		}
	}
	warn("call table full");
	return NULL;
}

static void call_free(struct callrec *r)
{
	if (r && r->c) {
		if (r->chan > 0 && r->chan < 32) {
			chan_busy[r->chan] = 0;
		}
		r->c = NULL;
	}
}

static int chan_pick(void)
{
	int i;

	if (cfg.node == PRI_NETWORK) {
		for (i = 1; i <= (cfg.t1 ? 23 : 31); ++i) {
			if (!chan_busy[i] && (cfg.t1 || i != 16)) {
				return i;
			}
		}
	} else {
		for (i = cfg.t1 ? 23 : 31; i >= 1; --i) {
			if (!chan_busy[i] && (cfg.t1 || i != 16)) {
				return i;
			}
		}
	}
	return 0;
}

static void call_event(struct callrec *r, const char *state, int cref)
{
	r->state = state;
	j_begin("call");
	j_int("id", r->id);
	j_str("state", state);
	j_str("dir", r->out ? "out" : "in");
	j_bool("cis", r->cis);
	if (cref >= 0) {
		j_int("cref", cref & 0x7fff);
	}
	if (r->chan > 0) {
		j_int("chan", r->chan);
	}
}

/* ------------------------------------------------------------- lamps */

struct lamp {
	char number[64];
	int service;
	long nb;
	int on;
};

static struct lamp lamps[MAX_LAMPS];
static int nlamps;

static struct lamp *lamp_get(const char *number, int service)
{
	int i;

	for (i = 0; i < nlamps; ++i) {
		if (lamps[i].service == service && !strcmp(lamps[i].number, number)) {
			return &lamps[i];
		}
	}
	if (nlamps == MAX_LAMPS) {
		return NULL;
	}
	memset(&lamps[nlamps], 0, sizeof(lamps[0]));
	cpy(lamps[nlamps].number, number, sizeof(lamps[0].number));
	lamps[nlamps].service = service;
	lamps[nlamps].nb = -1;
	return &lamps[nlamps++];
}

static int user_known(const char *number)
{
	int i;

	if (!cfg.nusers) {
		return 1;
	}
	for (i = 0; i < cfg.nusers; ++i) {
		if (!strcmp(cfg.users[i], number)) {
			return 1;
		}
	}
	return 0;
}

/* ------------------------------------------------------------- BER */

struct tlv {
	unsigned tag;				/* first identifier octet */
	const unsigned char *v;
	size_t len;
};

/* One definite-length, low-tag-number element.  Returns the octet after it. */
static const unsigned char *ber_next(const unsigned char *p, const unsigned char *end,
	struct tlv *t)
{
	size_t len;

	if (!p || end - p < 2 || (p[0] & 0x1f) == 0x1f) {
		return NULL;
	}
	t->tag = *p++;
	len = *p++;
	if (len & 0x80) {
		int n = (int) (len & 0x7f);

		if (!n || n > 2 || end - p < n) {
			return NULL;
		}
		for (len = 0; n--;) {
			len = (len << 8) | *p++;
		}
	}
	if ((size_t) (end - p) < len) {
		return NULL;
	}
	t->v = p;
	t->len = len;
	return p + len;
}

static long ber_int(const struct tlv *t)
{
	long v;
	size_t i;

	if (!t->len || t->len > 4) {
		return -1;
	}
	v = (t->v[0] & 0x80) ? -1 : 0;
	for (i = 0; i < t->len; ++i) {
		v = (v << 8) | t->v[i];
	}
	return v;
}

static void ber_text(const struct tlv *t, char *out, size_t size)
{
	size_t n = t->len < size - 1 ? t->len : size - 1;

	memcpy(out, t->v, n);
	out[n] = '\0';
}

static int party_number(const struct tlv *t, int *plan, int *ton, char *out, size_t size)
{
	struct tlv a;
	const unsigned char *p;

	*ton = -1;
	*plan = (int) (t->tag & 0x1f);
	switch (t->tag) {
	case 0x80: case 0x82: case 0x83: case 0x84: case 0x88:
		ber_text(t, out, size);
		return 0;
	case 0xa1: case 0xa5:
		p = ber_next(t->v, t->v + t->len, &a);
		if (!p || a.tag != 0x0a) {
			return -1;
		}
		*ton = (int) ber_int(&a);
		p = ber_next(p, t->v + t->len, &a);
		if (!p || a.tag != 0x12) {
			return -1;
		}
		ber_text(&a, out, size);
		return 0;
	}
	return -1;
}

static const char *plan_name(int plan)
{
	switch (plan) {
	case 0: return "unknown";
	case 1: return "public";
	case 2: return "nsap";
	case 3: return "data";
	case 4: return "telex";
	case 5: return "private";
	case 8: return "national";
	}
	return "?";
}

/* MWIActivateArg, MWIDeactivateArg and MWIInterrogateArg. */
static int mwi_args(const struct tlv *seq, struct mwi_info *m)
{
	const unsigned char *p = seq->v;
	const unsigned char *end = seq->v + seq->len;
	struct tlv t, u;
	int plan, ton;

	m->nb = -1;
	m->priority = -1;
	m->service = -1;
	if (seq->tag != 0x30 || !(p = ber_next(p, end, &t))
		|| party_number(&t, &m->plan, &m->ton, m->number, sizeof(m->number))) {
		return -1;
	}
	if (!(p = ber_next(p, end, &t)) || t.tag != 0x0a) {
		return -1;
	}
	m->service = (int) ber_int(&t);
	while (p && p < end) {
		char text[48];

		p = ber_next(p, end, &t);
		if (!p) {
			return -1;
		}
		switch (t.tag) {
		case 0x80:
			snprintf(m->centre, sizeof(m->centre), "int:%ld", ber_int(&t));
			break;
		case 0xa1:
			if (ber_next(t.v, t.v + t.len, &u)
				&& !party_number(&u, &plan, &ton, text, sizeof(text))) {
				snprintf(m->centre, sizeof(m->centre), "num:%s", text);
			}
			break;
		case 0x82:
			ber_text(&t, text, sizeof(text));
			snprintf(m->centre, sizeof(m->centre), "str:%s", text);
			break;
		case 0x83:
			m->nb = ber_int(&t);
			break;
		case 0xa4:
			if (m->op == 80 && ber_next(t.v, t.v + t.len, &u)) {
				party_number(&u, &plan, &ton, m->originating, sizeof(m->originating));
			}
			break;
		case 0x18:
			ber_text(&t, m->timestamp, sizeof(m->timestamp));
			break;
		case 0x85:
			m->priority = (int) ber_int(&t);
			break;
		default:				/* extensions */
			break;
		}
	}
	return 0;
}

/* The arguments of EN 300 745-1's mWIActivate and mWIDeactivate: explicit tags. */
static int mwi_etsi_args(const struct tlv *seq, struct mwi_info *m)
{
	const unsigned char *p = seq->v;
	const unsigned char *end = seq->v + seq->len;
	struct tlv t, u;
	int plan, ton;
	char text[48];

	m->nb = -1;
	m->priority = -1;
	m->service = -1;
	if (seq->tag != 0x30 || !(p = ber_next(p, end, &t))
		|| party_number(&t, &m->plan, &m->ton, m->number, sizeof(m->number))
		|| !(p = ber_next(p, end, &t)) || t.tag != 0x0a) {
		return -1;
	}
	m->service = (int) ber_int(&t);
	while (p && p < end) {
		p = ber_next(p, end, &t);
		if (!p) {
			return -1;
		}
		if (m->op == 81) {
			if (!party_number(&t, &plan, &ton, text, sizeof(text))) {
				snprintf(m->centre, sizeof(m->centre), "num:%s", text);
			}
		} else if (ber_next(t.v, t.v + t.len, &u)) {
			if (t.tag == 0xa1 && !party_number(&u, &plan, &ton, text, sizeof(text))) {
				snprintf(m->centre, sizeof(m->centre), "num:%s", text);
			} else if (t.tag == 0xa2) {
				m->nb = ber_int(&u);
			}
		}
	}
	return 0;
}

/* Finds the component with this tag and invoke id in a Facility IE body. */
static int find_component(const unsigned char *body, size_t len, unsigned tag, int invoke_id,
	struct tlv *comp)
{
	const unsigned char *p = body;
	const unsigned char *end = body + len;
	struct tlv id;

	if (len < 2) {
		return -1;
	}
	if (!(*p & 0x80)) {
		++p;
	}
	++p;
	while (p && p < end) {
		p = ber_next(p, end, comp);
		if (!p) {
			return -1;
		}
		if (comp->tag == tag && ber_next(comp->v, comp->v + comp->len, &id)
			&& id.tag == 0x02 && (int16_t) ber_int(&id) == (int16_t) invoke_id) {
			return 0;
		}
	}
	return -1;
}

/* --- encoding: values are pushed back to front */

struct enc {
	unsigned char b[256];
	int at;
};

static void e_init(struct enc *e)
{
	e->at = sizeof(e->b);
}

static void e_bytes(struct enc *e, const void *p, size_t n)
{
	if ((size_t) e->at >= n) {
		e->at -= (int) n;
		memcpy(e->b + e->at, p, n);
	}
}

static void e_octet(struct enc *e, unsigned v)
{
	unsigned char c = (unsigned char) v;

	e_bytes(e, &c, 1);
}

/* Wraps everything pushed since mark. */
static void e_wrap(struct enc *e, unsigned tag, int mark)
{
	int len = mark - e->at;

	if (len > 127) {
		e_octet(e, (unsigned) len);
		e_octet(e, 0x81);
	} else {
		e_octet(e, (unsigned) len);
	}
	e_octet(e, tag);
}

static void e_int(struct enc *e, unsigned tag, long v)
{
	int mark = e->at;

	for (;;) {
		e_octet(e, (unsigned) (v & 0xff));
		if ((v >= -128 && v <= 127)) {
			break;
		}
		v >>= 8;
	}
	e_wrap(e, tag, mark);
}

static void e_text(struct enc *e, unsigned tag, const char *s)
{
	int mark = e->at;

	e_bytes(e, s, strlen(s));
	e_wrap(e, tag, mark);
}

/* plan: 0 unknown, 1 public, 5 private */
static void e_party(struct enc *e, int plan, int ton, const char *digits)
{
	int mark = e->at;

	if (plan == 1 || plan == 5) {
		e_text(e, 0x12, digits);
		e_int(e, 0x0a, ton);
		e_wrap(e, 0xa0 | (unsigned) plan, mark);
	} else {
		e_text(e, 0x80 | (unsigned) plan, digits);
	}
}

/* Profile octet, network facility extension (end PINX to end PINX), interpretation. */
static void e_header2(struct enc *e, int interpretation, int nfe_present, unsigned profile)
{
	static const unsigned char nfe[] = { 0xaa, 0x06, 0x80, 0x01, 0x00, 0x82, 0x01, 0x00 };

	if (interpretation >= 0) {
		e_int(e, 0x8b, interpretation);
	}
	if (nfe_present) {
		e_bytes(e, nfe, sizeof(nfe));
	}
	e_octet(e, profile);
}

static void e_header(struct enc *e, int interpretation)
{
	e_header2(e, interpretation, 1, 0x9f);
}

/*
 * Operation value.  local: INTEGER.  ecma: { 1 3 12 9 op }.  iso: { 1 0 15506 0 op },
 * the older global forms that some exchanges still want.
 */
static void e_operation(struct enc *e, int op, const char *form)
{
	if (form && !strcmp(form, "ecma")) {
		unsigned char oid[] = { 0x06, 0x04, 0x2b, 0x0c, 0x09, (unsigned char) op };

		e_bytes(e, oid, sizeof(oid));
	} else if (form && !strcmp(form, "iso")) {
		unsigned char oid[] = { 0x06, 0x05, 0x28, 0xf9, 0x12, 0x00, (unsigned char) op };

		e_bytes(e, oid, sizeof(oid));
	} else {
		e_int(e, 0x02, op);
	}
}

static int e_send(struct enc *e, q931_call *c, int msg)
{
	return pri_call_apdu_queue(c, msg, e->b + e->at, (int) sizeof(e->b) - e->at, NULL);
}

/* ------------------------------------------------------------- libpri hooks */

/*
 * libpri decodes QSIG MWI operations but has no code to act on them, and it
 * clears a call independent connection nobody claims with cause 69.  The
 * hooks below are found by the dynamic linker before the library's own
 * functions of the same name, note the MWI invoke, claim the connection and
 * pass every other component on.
 */

static q931_call *dummy_call;	/* libpri's record of the dummy call reference, once seen */
static int cis_off = -1;		/* offset of "call independent and claimed" flag */

typedef void (*rose_fn)(struct pri *, q931_call *, int, const unsigned char *, const void *,
	const void *);

static rose_fn real_fn(const char *name)
{
	return (rose_fn) dlsym(RTLD_NEXT, name);
}

static void setup_mwi_pending(q931_call *call, const struct mwi_info *m);

static void rose_event(const char *type, q931_call *call, int msgtype, const unsigned char *ie,
	int invoke_id)
{
	struct callrec *r = call_by_ptr(call);

	j_begin("rose");
	j_str("type", type);
	j_str("in", l3_name((unsigned) msgtype));
	if (r) {
		j_int("id", r->id);
	}
	j_int("invoke_id", invoke_id);
	j_hex("ie", ie, (size_t) ie[1] + 2);
}

static void mwi_event(const struct mwi_info *m, q931_call *call, int msgtype)
{
	struct callrec *r = call_by_ptr(call);

	j_begin("mwi");
	j_str("action", m->op == 80 ? "activate" : m->op == 81 ? "deactivate" : "interrogate");
	j_str("number", m->number);
	j_str("plan", plan_name(m->plan));
	if (m->ton >= 0) {
		j_int("ton", m->ton);
	}
	j_int("basic_service", m->service);
	if (m->nb >= 0) {
		j_int("messages", m->nb);
	}
	if (m->centre[0]) {
		j_str("msg_centre", m->centre);
	}
	if (m->originating[0]) {
		j_str("originating", m->originating);
	}
	if (m->timestamp[0]) {
		j_str("timestamp", m->timestamp);
	}
	if (m->priority >= 0) {
		j_int("priority", m->priority);
	}
	j_int("invoke_id", m->invoke_id);
	j_str("in", l3_name((unsigned) msgtype));
	if (r) {
		j_int("id", r->id);
	}
	j_bool("user_known", user_known(m->number));
	j_hex("ie", m->ie, (size_t) m->ie_len);
	j_end();
}

static void mwi_apply(const struct mwi_info *m)
{
	struct lamp *l;

	if (m->op != 80 && m->op != 81) {
		return;
	}
	l = lamp_get(m->number, m->service);
	if (!l) {
		return;
	}
	l->on = m->op == 80;
	l->nb = m->nb;
	j_begin("lamp");
	j_str("number", l->number);
	j_int("basic_service", l->service);
	j_str("state", l->on ? "on" : "off");
	if (l->nb >= 0) {
		j_int("messages", l->nb);
	}
	j_end();
}

static void mwi_queue_answer(q931_call *c, const struct mwi_info *m, int msg)
{
	struct enc e;
	enum mwi_policy pol = cfg.mwi;
	int arg = cfg.mwi_arg;
	int mark;

	if (pol == MWI_OK && !user_known(m->number)) {
		pol = MWI_ERROR;
		arg = 6;				/* invalidServedUserNr */
	}
	e_init(&e);
	mark = e.at;
	switch (pol) {
	case MWI_OK:
		if (m->op == 82) {
			int i;

			for (i = nlamps; i--;) {
				int elt = e.at;

				if (strcmp(lamps[i].number, m->number) || !lamps[i].on
					|| (m->service && m->service != lamps[i].service)) {
					continue;
				}
				if (lamps[i].nb >= 0) {
					e_int(&e, 0x83, lamps[i].nb);
				}
				e_int(&e, 0x0a, lamps[i].service);
				e_wrap(&e, 0x30, elt);
			}
			e_wrap(&e, 0x30, mark);
			e_int(&e, 0x02, m->op);
			e_wrap(&e, 0x30, mark);
		} else if (!cfg.mwi_short && !m->etsi) {
			e_octet(&e, 0x00);
			e_octet(&e, 0x05);	/* NULL */
			e_int(&e, 0x02, m->op);
			e_wrap(&e, 0x30, mark);
		}
		e_int(&e, 0x02, m->invoke_id);
		e_wrap(&e, 0xa2, mark);
		mwi_apply(m);
		break;
	case MWI_ERROR:
		e_int(&e, 0x02, arg);
		e_int(&e, 0x02, m->invoke_id);
		e_wrap(&e, 0xa3, mark);
		break;
	case MWI_REJECT:
		e_int(&e, 0x81, arg);	/* invoke problem */
		e_int(&e, 0x02, m->invoke_id);
		e_wrap(&e, 0xa4, mark);
		break;
	default:
		return;
	}
	e_header2(&e, -1, !m->etsi, m->etsi ? 0x91 : 0x9f);
	if (e_send(&e, c, msg)) {
		warn("libpri refused the answer APDU");
	}
	j_begin("mwi-answer");
	j_str("as", pol == MWI_OK ? "result" : pol == MWI_ERROR ? "error" : "reject");
	if (pol != MWI_OK) {
		j_int("value", arg);
	}
	j_int("invoke_id", m->invoke_id);
	j_str("in", msg == M_ANY ? "any" : l3_name((unsigned) msg));
	j_end();
}

/* Called by libpri for every invoke component it decoded. */
void rose_handle_invoke(struct pri *ctrl, q931_call *call, int msgtype, const unsigned char *ie,
	const void *header, const void *invoke)
{
	/* { 0 4 0 745 1 }, then the operation */
	static const unsigned char etsi_mwi[] = { 0x04, 0x00, 0x85, 0x69, 0x01 };
	static rose_fn next;
	int16_t invoke_id;
	int32_t operation;
	struct tlv comp, t;
	const unsigned char *p, *end;
	struct mwi_info m;

	if (!next) {
		next = real_fn("rose_handle_invoke");
	}
	memcpy(&invoke_id, invoke, sizeof(invoke_id));
	memcpy(&operation, (const char *) invoke + 4, sizeof(operation));
	memset(&m, 0, sizeof(m));

	if (!find_component(ie + 2, ie[1], 0xa1, invoke_id, &comp)) {
		end = comp.v + comp.len;
		p = ber_next(comp.v, end, &t);	/* invoke id */
		p = ber_next(p, end, &t);
		if (p && (t.tag == 0x80)) {	/* linked id */
			p = ber_next(p, end, &t);
		}
		if (p && t.tag == 0x02) {
			m.op = (int) ber_int(&t);
		} else if (p && t.tag == 0x06 && t.len == 6 && !memcmp(t.v, etsi_mwi, sizeof(etsi_mwi))
			&& (t.v[5] == 1 || t.v[5] == 2)) {
			m.op = 79 + t.v[5];
			m.etsi = 1;
		}
		if (p && m.op >= 80 && m.op <= 82 && ctrl == pri) {
			m.invoke_id = invoke_id;
			m.ie_len = ie[1] + 2;
			memcpy(m.ie, ie, (size_t) m.ie_len);
			if (!ber_next(p, end, &t) || (m.etsi ? mwi_etsi_args(&t, &m) : mwi_args(&t, &m))) {
				warn("libpri accepts this MWI argument, own decoder does not");
			}
		}
	}

	rose_event("invoke", call, msgtype, ie, invoke_id);
	j_int("op", m.op);
	j_str("libpri_op", rose_operation2str(operation));
	j_end();

	if (ctrl == pri && m.op >= 80 && m.op <= 82) {
		mwi_event(&m, call, msgtype);
		if (msgtype == M_SETUP) {
			if (cfg.mwi != MWI_UNSUPPORTED) {
				if (cis_off >= 0) {
					int one = 1;

					memcpy((char *) call + cis_off, &one, sizeof(one));
					setup_mwi_pending(call, &m);
				} else {
					warn("cannot claim the connection: flag offset unknown");
				}
			}
		} else if (msgtype == M_FACILITY && cfg.mwi != MWI_UNSUPPORTED && cfg.mwi != MWI_IGNORE) {
			if (m.etsi) {
				dummy_call = call;
			}
			mwi_queue_answer(call, &m, M_FACILITY);
			q931_facility(ctrl, call);
		}
	}
	if (next) {
		next(ctrl, call, msgtype, ie, header, invoke);
	}
}

void rose_handle_result(struct pri *ctrl, q931_call *call, int msgtype, const unsigned char *ie,
	const void *header, const void *result)
{
	static rose_fn next;
	int16_t invoke_id;
	struct tlv comp, t, u;

	if (!next) {
		next = real_fn("rose_handle_result");
	}
	memcpy(&invoke_id, result, sizeof(invoke_id));
	rose_event("result", call, msgtype, ie, invoke_id);
	if (!find_component(ie + 2, ie[1], 0xa2, invoke_id, &comp)) {
		const unsigned char *end = comp.v + comp.len;
		const unsigned char *p = ber_next(comp.v, end, &t);

		if (p && (p = ber_next(p, end, &t)) && t.tag == 0x30
			&& ber_next(t.v, t.v + t.len, &u) && u.tag == 0x02) {
			j_int("op", ber_int(&u));
		}
	}
	j_end();
	if (next) {
		next(ctrl, call, msgtype, ie, header, result);
	}
}

void rose_handle_error(struct pri *ctrl, q931_call *call, int msgtype, const unsigned char *ie,
	const void *header, const void *error)
{
	static rose_fn next;
	int16_t invoke_id;
	struct tlv comp, t;

	if (!next) {
		next = real_fn("rose_handle_error");
	}
	memcpy(&invoke_id, error, sizeof(invoke_id));
	rose_event("error", call, msgtype, ie, invoke_id);
	if (!find_component(ie + 2, ie[1], 0xa3, invoke_id, &comp)) {
		const unsigned char *end = comp.v + comp.len;
		const unsigned char *p = ber_next(comp.v, end, &t);

		if (p && ber_next(p, end, &t) && t.tag == 0x02) {
			j_int("error", ber_int(&t));
		}
	}
	j_end();
	if (next) {
		next(ctrl, call, msgtype, ie, header, error);
	}
}

void rose_handle_reject(struct pri *ctrl, q931_call *call, int msgtype, const unsigned char *ie,
	const void *header, const void *reject)
{
	static rose_fn next;
	int16_t invoke_id;
	struct tlv comp, t;

	if (!next) {
		next = real_fn("rose_handle_reject");
	}
	memcpy(&invoke_id, reject, sizeof(invoke_id));
	rose_event("reject", call, msgtype, ie, invoke_id);
	if (!find_component(ie + 2, ie[1], 0xa4, invoke_id, &comp)) {
		const unsigned char *end = comp.v + comp.len;
		const unsigned char *p = ber_next(comp.v, end, &t);

		if (p && ber_next(p, end, &t)) {
			static const char *const kind[4] = { "general", "invoke", "result", "error" };

			j_str("problem_kind", kind[t.tag & 3]);
			j_int("problem", ber_int(&t));
		}
	}
	j_end();
	if (next) {
		next(ctrl, call, msgtype, ie, header, reject);
	}
}

/*
 * Finds the flag by which libpri remembers that somebody claimed a call
 * independent connection.  Three set-ups that differ only in documented
 * libpri.h calls are made on a controller that is not connected anywhere; the
 * flag is the middle one of three adjacent ints that read 0,0,0 for an
 * ordinary call, 1,1,0 after pri_sr_set_no_channel_call() and 1,1,1 after
 * pri_sr_set_connection_call_independent().
 */
static void calibrate(void)
{
	struct pri *p;
	q931_call *c[3];
	size_t size = SIZE_MAX, off;
	int i, found = -1, hits = 0;

	calibrating = 1;
	p = pri_new_cb(-1, PRI_CPE, PRI_SWITCH_QSIG, io_null_read, io_null_write, NULL);
	for (i = 0; p && i < 3; ++i) {
		struct pri_sr *sr = pri_sr_new();

		c[i] = pri_new_call(p);
		pri_sr_set_called(sr, "1", PRI_UNKNOWN, 1);
		if (i == 0) {
			pri_sr_set_channel(sr, 1, 1, 0);
		} else if (i == 1) {
			pri_sr_set_no_channel_call(sr);
		} else {
			pri_sr_set_connection_call_independent(sr);
		}
		pri_setup(p, c[i], sr);
		pri_sr_free(sr);
		if (malloc_usable_size(c[i]) < size) {
			size = malloc_usable_size(c[i]);
		}
	}
	if (p) {
		for (off = 0; off + 12 <= size; off += 4) {
			static const int want[3][3] = { {0, 0, 0}, {1, 1, 0}, {1, 1, 1} };

			for (i = 0; i < 3; ++i) {
				if (memcmp((char *) c[i] + off, want[i], sizeof(want[i]))) {
					break;
				}
			}
			if (i == 3) {
				found = (int) off + 4;
				++hits;
			}
		}
	}
	cis_off = hits == 1 ? found : -1;
	calibrating = 0;
	if (cis_off < 0) {
		warn("MWI can only be refused: libpri's claim flag was not found (%d candidates)",
			hits);
	}
}

/* ------------------------------------------------------------- deferred work */

enum act { ACT_MWI, ACT_PROCEED, ACT_ALERT, ACT_ANSWER, ACT_HANGUP, ACT_FAC };

static struct action {
	uint64_t due;
	int id;
	enum act what;
	int arg;
} actions[MAX_ACTIONS];

static void later(int ms, int id, enum act what, int arg)
{
	int i;

	for (i = 0; i < MAX_ACTIONS; ++i) {
		if (!actions[i].due) {
			actions[i].due = now_ms() + (uint64_t) ms;
			actions[i].id = id;
			actions[i].what = what;
			actions[i].arg = arg;
			return;
		}
	}
}

static void setup_mwi_pending(q931_call *call, const struct mwi_info *m)
{
	struct callrec *r = call_by_ptr(call);

	if (!r) {
		r = call_new(call, 0);
	}
	if (r) {
		r->cis = 1;
		r->have_mwi = 1;
		r->mwi = *m;
	}
}

/*
 * libpri answers a SETUP directly with RELEASE COMPLETE only for the causes
 * below; for any other cause it clears with DISCONNECT, and sends nothing at
 * all unless some message has answered the SETUP before.
 */
static void hangup(struct callrec *r, int cause)
{
	switch (cause) {
	case 1: case 6: case 7: case 26: case 34: case 44: case 81: case 82: case 88:
		break;
	default:
		if (!r->out && !r->cis && !strcmp(r->state, "setup")) {
			pri_proceeding(pri, r->c, r->chan, 0);
		}
		break;
	}
	pri_hangup(pri, r->c, cause);
}

static void mwi_act(struct callrec *r)
{
	switch (cfg.mwi) {
	case MWI_IGNORE:
		return;
	case MWI_CAUSE:
		hangup(r, cfg.mwi_arg);
		return;
	case MWI_SILENT:
		pri_answer(pri, r->c, 0, 0);
		return;
	default:
		break;
	}
	switch (cfg.mwi_at) {
	case AT_CONNECT:
		mwi_queue_answer(r->c, &r->mwi, M_CONNECT);
		pri_answer(pri, r->c, 0, 0);
		break;
	case AT_FACILITY:
		pri_answer(pri, r->c, 0, 0);
		mwi_queue_answer(r->c, &r->mwi, M_FACILITY);
		q931_facility(pri, r->c);
		break;
	case AT_RELEASE:
		mwi_queue_answer(r->c, &r->mwi, M_ANY);
		hangup(r, PRI_CAUSE_NORMAL_CLEARING);
		break;
	}
	r->answered_apdu = 1;
}

static void answer(struct callrec *r)
{
	if (cfg.cname[0]) {
		struct pri_party_connected_line line;

		memset(&line, 0, sizeof(line));
		line.id.name.valid = 1;
		line.id.name.char_set = PRI_CHAR_SET_ISO8859_1;
		line.id.name.presentation = PRI_PRES_ALLOWED;
		cpy(line.id.name.str, cfg.cname, sizeof(line.id.name.str));
		line.id.number.valid = 1;
		line.id.number.presentation = PRES_ALLOWED_NETWORK_NUMBER;
		line.id.number.plan = PRI_UNKNOWN;
		cpy(line.id.number.str, r->called, sizeof(line.id.number.str));
		pri_connected_line_update(pri, r->c, &line);
	}
	pri_answer(pri, r->c, r->chan > 0 ? r->chan : 0, 0);
	call_event(r, "answered", -1);
	j_end();
}

static void run_actions(void)
{
	uint64_t now = now_ms();
	int i;

	for (i = 0; i < MAX_ACTIONS; ++i) {
		struct action a = actions[i];
		struct callrec *r;

		if (!a.due || a.due > now) {
			continue;
		}
		actions[i].due = 0;
		r = call_by_id(a.id);
		if (!r) {
			continue;
		}
		switch (a.what) {
		case ACT_MWI:
			mwi_act(r);
			break;
		case ACT_PROCEED:
			pri_proceeding(pri, r->c, r->chan > 0 ? r->chan : 0, 0);
			break;
		case ACT_ALERT:
			pri_acknowledge(pri, r->c, r->chan > 0 ? r->chan : 0, 0);
			break;
		case ACT_ANSWER:
			answer(r);
			break;
		case ACT_HANGUP:
			hangup(r, a.arg);
			break;
		case ACT_FAC:
			break;
		}
	}
}

/* ------------------------------------------------------------- libpri events */

static void j_subcmds(const struct pri_subcommands *s)
{
	int i;

	if (!s || !s->counter_subcmd) {
		return;
	}
	j_raw(",\"sub\":[");
	for (i = 0; i < s->counter_subcmd; ++i) {
		const struct pri_subcommand *c = &s->subcmd[i];

		j_raw("%s{\"cmd\":%d", i ? "," : "", c->cmd);
		switch (c->cmd) {
		case PRI_SUBCMD_CONNECTED_LINE:
			if (c->u.connected_line.id.name.valid) {
				j_str("name", c->u.connected_line.id.name.str);
			}
			if (c->u.connected_line.id.number.valid) {
				j_str("number", c->u.connected_line.id.number.str);
			}
			break;
		case PRI_SUBCMD_REDIRECTING:
			j_str("from", c->u.redirecting.from.number.str);
			j_str("to", c->u.redirecting.to.number.str);
			j_int("reason", c->u.redirecting.reason);
			j_int("count", c->u.redirecting.count);
			break;
		case PRI_SUBCMD_REROUTING:
			j_str("to", c->u.rerouting.deflection.to.number.str);
			j_int("invoke_id", c->u.rerouting.invoke_id);
			break;
		case PRI_SUBCMD_DISPLAY_TEXT:
			j_str("text", c->u.display.text);
			break;
		default:
			break;
		}
		j_raw("}");
	}
	j_raw("]");
}

static void on_ring(pri_event *e)
{
	struct callrec *r = call_by_ptr(e->ring.call);
	int known = r != NULL;

	if (!r) {
		r = call_new(e->ring.call, 0);
	}
	if (!r) {
		pri_hangup(pri, e->ring.call, PRI_CAUSE_SWITCH_CONGESTION);
		return;
	}
	if (e->ring.channel != -1) {
		r->cis = (e->ring.channel >> 17) & 1;
		r->chan = r->cis ? 0 : e->ring.channel & 0xff;
	}
	if (r->chan == 0xff) {
		r->chan = chan_pick();
	}
	if (r->chan > 0 && r->chan < 32) {
		chan_busy[r->chan] = 1;
	}
	cpy(r->called, e->ring.callednum, sizeof(r->called));
	cpy(r->calling, e->ring.callingnum, sizeof(r->calling));
	call_event(r, "setup", e->ring.cref);
	j_str("called", e->ring.callednum);
	j_int("called_plan", e->ring.calledplan);
	j_str("calling", e->ring.callingnum);
	if (e->ring.callingname[0]) {
		j_str("calling_name", e->ring.callingname);
	}
	/* callingpres is the stricter of both */
	if (e->ring.calling.number.valid) {
		j_int("calling_number_pres", e->ring.calling.number.presentation & PRI_PRES_RESTRICTION);
	}
	if (e->ring.calling.name.valid) {
		j_int("calling_name_pres", e->ring.calling.name.presentation & PRI_PRES_RESTRICTION);
	}
	j_int("calling_pres", e->ring.callingpres);
	j_int("bearer", e->ring.ctype);
	j_bool("complete", e->ring.complete);
	if (e->ring.redirectingnum[0]) {
		j_str("redirecting", e->ring.redirectingnum);
		j_int("redirecting_reason", e->ring.redirectingreason);
	}
	j_subcmds(e->ring.subcmds);
	j_end();

	if (r->cis) {
		if (!known || !r->have_mwi) {
			return;
		}
		if (cfg.mwi_proceeding) {
			pri_proceeding(pri, r->c, 0, 0);
		}
		if (cfg.mwi_delay) {
			later(cfg.mwi_delay, r->id, ACT_MWI, 0);
		} else {
			mwi_act(r);
		}
		return;
	}
	if (cfg.call != CALL_MANUAL && cfg.nusers && !user_known(r->called)
		&& e->ring.complete) {
		hangup(r, PRI_CAUSE_UNALLOCATED);
		return;
	}
	switch (cfg.call) {
	case CALL_MANUAL:
	case CALL_IGNORE:
		break;
	case CALL_PROCEED:
		pri_proceeding(pri, r->c, r->chan, 0);
		break;
	case CALL_ALERT:
		pri_proceeding(pri, r->c, r->chan, 0);
		later(cfg.call_delay / 2, r->id, ACT_ALERT, 0);
		break;
	case CALL_ANSWER:
		pri_proceeding(pri, r->c, r->chan, 0);
		later(cfg.call_delay / 2, r->id, ACT_ALERT, 0);
		later(cfg.call_delay, r->id, ACT_ANSWER, 0);
		break;
	case CALL_REJECT:
		hangup(r, cfg.call_arg ? cfg.call_arg : PRI_CAUSE_CALL_REJECTED);
		break;
	}
}

static void on_hangup(pri_event *e, const char *state, int finished)
{
	struct callrec *r = call_by_ptr(e->hangup.call);

	if (r) {
		call_event(r, state, e->hangup.cref);
		j_int("cause", e->hangup.cause);
		j_subcmds(e->hangup.subcmds);
		j_end();
	}
	if (e->e != PRI_EVENT_HANGUP_ACK) {
		/* Answer DISCONNECT or RELEASE.  After an ACK libpri has freed the call. */
		pri_hangup(pri, e->hangup.call, e->hangup.cause);
	}
	if (finished) {
		call_free(r);
	}
}

static void simple(q931_call *c, const char *state, int cref, int channel,
	const struct pri_subcommands *s, int progressmask, int cause)
{
	struct callrec *r = call_by_ptr(c);

	if (!r) {
		return;
	}
	if (!r->cis && channel > 0 && (channel & 0xff) != 0xff && (channel & 0xff)) {
		if (r->chan > 0 && r->chan < 32) {
			chan_busy[r->chan] = 0;
		}
		r->chan = channel & 0xff;
		if (r->chan < 32) {
			chan_busy[r->chan] = 1;
		}
	}
	call_event(r, state, cref);
	if (progressmask) {
		j_int("progressmask", progressmask);
	}
	if (cause >= 0) {
		j_int("cause", cause);
	}
	j_subcmds(s);
	j_end();
}

static void on_event(pri_event *e)
{
	struct callrec *r;
	int i;

	switch (e->e) {
	case PRI_EVENT_DCHAN_UP:
		if (!l2_up) {
			l2_up = 1;
			j_begin("l2");
			j_str("state", "up");
			j_end();
		}
		break;
	case PRI_EVENT_DCHAN_DOWN:
		l2_up = 0;
		j_begin("l2");
		j_str("state", "down");
		j_end();
		break;
	case PRI_EVENT_RESTART:
		j_begin("restart");
		j_int("channel", e->restart.channel);
		j_end();
		for (i = 0; i < MAX_CALLS; ++i) {
			if (calls[i].c && (e->restart.channel == -1
				|| (e->restart.channel & 0xff) == calls[i].chan)) {
				pri_destroycall(pri, calls[i].c);
				call_event(&calls[i], "restarted", -1);
				j_end();
				call_free(&calls[i]);
			}
		}
		break;
	case PRI_EVENT_SERVICE:
		j_begin("service");
		j_int("channel", e->service.channel & 0xff);
		j_int("span", (e->service.channel >> 8) & 0xff);
		j_int("state", e->service.changestatus & 0x0f);
		j_end();
		break;
	case PRI_EVENT_SERVICE_ACK:
		j_begin("service-ack");
		j_int("channel", e->service_ack.channel & 0xff);
		j_int("state", e->service_ack.changestatus & 0x0f);
		j_end();
		break;
	case PRI_EVENT_RESTART_ACK:
		j_begin("restart-ack");
		j_int("channel", e->restartack.channel);
		j_end();
		break;
	case PRI_EVENT_RING:
		on_ring(e);
		break;
	case PRI_EVENT_SETUP_ACK:
		simple(e->setup_ack.call, "setup-ack", -1, e->setup_ack.channel,
			e->setup_ack.subcmds, e->setup_ack.progressmask, -1);
		break;
	case PRI_EVENT_PROCEEDING:
		simple(e->proceeding.call, "proceeding", e->proceeding.cref, e->proceeding.channel,
			e->proceeding.subcmds, e->proceeding.progressmask, -1);
		break;
	case PRI_EVENT_PROGRESS:
		simple(e->proceeding.call, "progress", e->proceeding.cref, e->proceeding.channel,
			e->proceeding.subcmds, e->proceeding.progressmask, e->proceeding.cause);
		break;
	case PRI_EVENT_RINGING:
		simple(e->ringing.call, "alerting", e->ringing.cref, e->ringing.channel,
			e->ringing.subcmds, e->ringing.progressmask, -1);
		break;
	case PRI_EVENT_ANSWER:
		simple(e->answer.call, "connected", e->answer.cref, e->answer.channel,
			e->answer.subcmds, e->answer.progressmask, -1);
		break;
	case PRI_EVENT_CONNECT_ACK:
		simple(e->connect_ack.call, "connect-ack", -1, e->connect_ack.channel,
			e->connect_ack.subcmds, 0, -1);
		break;
	case PRI_EVENT_HANGUP_REQ:
		on_hangup(e, "disconnect", 0);
		break;
	case PRI_EVENT_HANGUP:
		on_hangup(e, "released", 1);
		break;
	case PRI_EVENT_HANGUP_ACK:
		on_hangup(e, "cleared", 1);
		break;
	case PRI_EVENT_FACILITY:
		r = call_by_ptr(e->facility.call);
		j_begin("facility");
		if (r) {
			j_int("id", r->id);
		}
		j_int("cref", e->facility.cref & 0x7fff);
		j_subcmds(e->facility.subcmds);
		j_end();
		break;
	case PRI_EVENT_INFO_RECEIVED:
		r = call_by_ptr(e->ring.call);
		if (r) {
			size_t n = strlen(r->called);

			snprintf(r->called + n, sizeof(r->called) - n, "%s", e->ring.callednum);
			call_event(r, "info", e->ring.cref);
			j_str("digits", e->ring.callednum);
			j_str("called", r->called);
			j_bool("complete", e->ring.complete);
			j_end();
		}
		break;
	case PRI_EVENT_KEYPAD_DIGIT:
		r = call_by_ptr(e->digit.call);
		if (r) {
			call_event(r, "keypad", -1);
			j_str("digits", e->digit.digits);
			j_end();
		}
		break;
	case PRI_EVENT_NOTIFY:
		r = call_by_ptr(e->notify.call);
		j_begin("notify");
		if (r) {
			j_int("id", r->id);
		}
		j_int("info", e->notify.info);
		j_end();
		break;
	case PRI_EVENT_HOLD:
		r = call_by_ptr(e->hold.call);
		if (r) {
			call_event(r, "hold", -1);
			j_end();
		}
		pri_hold_ack(pri, e->hold.call);
		break;
	case PRI_EVENT_RETRIEVE:
		r = call_by_ptr(e->retrieve.call);
		if (r) {
			call_event(r, "retrieve", -1);
			j_end();
		}
		pri_retrieve_ack(pri, e->retrieve.call, e->retrieve.channel);
		break;
	case PRI_EVENT_CONFIG_ERR:
		j_begin("error");
		j_str("text", e->err.err);
		j_end();
		break;
	default:
		j_begin("event");
		j_str("name", pri_event2str(e->e));
		j_end();
		break;
	}
}

static void on_libpri_text(struct pri *p, char *s, const char *kind)
{
	char line[1024];
	size_t n;

	if (calibrating || (p && p != pri && pri)) {
		return;
	}
	cpy(line, s, sizeof(line));
	n = strlen(line);
	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r')) {
		line[--n] = '\0';
	}
	j_begin(kind);
	j_str("text", line);
	j_end();
}

static void on_message(struct pri *p, char *s)
{
	on_libpri_text(p, s, "log");
}

static void on_error(struct pri *p, char *s)
{
	on_libpri_text(p, s, "libpri-error");
}

/* ------------------------------------------------------------- receiving */

static void l1_frame(const unsigned char *f, size_t len)
{
	pri_event *e;

	if (cfg.fcs) {
		uint16_t crc;

		if (len < 2) {
			return;
		}
		len -= 2;
		crc = fcs16(f, len);
		if (f[len] != (crc & 0xff) || f[len + 1] != (crc >> 8)) {
			warn("frame with a bad FCS discarded");
			return;
		}
	}
	if (len < 3 || len > MAX_FRAME - 2) {
		warn("frame of %zu octets discarded", len);
		return;
	}
	if (drop_rx > 0) {
		--drop_rx;
		frame_event("rx-dropped", f, len);
		return;
	}
	if (l1_blocked) {
		return;
	}
	/* the capture first: who waits for the event may end us on it */
	pcap_frame(0, f, len);
	frame_event("rx", f, len);
	memcpy(rx_frame, f, len);
	rx_frame_len = (int) len;
	e = pri_check_event(pri);
	if (e) {
		on_event(e);
	}
}

static void l1_readable(void)
{
	unsigned char buf[MAX_FRAME + 16];
	ssize_t n;

	if (cfg.tr == TR_UDP) {
		struct sockaddr_storage from;
		socklen_t fl = sizeof(from);

		n = recvfrom(data_fd, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *) &from, &fl);
		if (n > 0) {
			if (!cfg.addr2[0]) {
				udp_peer = from;
				udp_peer_len = fl;
			}
			l1_frame(buf, (size_t) n);
		}
		return;
	}
	if (cfg.tr == TR_DAHDI) {
		dahdi_events();
		n = read(data_fd, buf, sizeof(buf));
		if (n > 2) {
			l1_frame(buf, (size_t) n - 2);
		} else if (n < 0 && errno != EAGAIN && errno != EINTR && errno != DAHDI_ELAST) {
			l1_close(strerror(errno));
		}
		return;
	}
	if (cfg.tr == TR_UNIX) {
		n = recv(data_fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 0) {
			l1_frame(buf, (size_t) n);
		} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			l1_close(n == 0 ? "peer closed" : strerror(errno));
		}
		return;
	}
	n = recv(data_fd, rx_stream + rx_stream_len, sizeof(rx_stream) - rx_stream_len,
		MSG_DONTWAIT);
	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			l1_close(n == 0 ? "peer closed" : strerror(errno));
		}
		return;
	}
	rx_stream_len += (size_t) n;
	for (;;) {
		size_t want;
		size_t at;

		if (rx_stream_len < 2) {
			return;
		}
		want = ((size_t) rx_stream[0] << 8) | rx_stream[1];
		if (want > MAX_FRAME) {
			l1_close("length prefix too large");
			return;
		}
		if (rx_stream_len < want + 2) {
			return;
		}
		at = want + 2;
		if (want) {
			unsigned char f[MAX_FRAME];

			memcpy(f, rx_stream + 2, want);
			l1_frame(f, want);
			if (data_fd < 0) {
				return;
			}
		}
		memmove(rx_stream, rx_stream + at, rx_stream_len - at);
		rx_stream_len -= at;
	}
}

static int resolve(const char *spec, struct sockaddr_storage *ss, socklen_t *len)
{
	char host[256];
	char *port;
	struct addrinfo hints, *ai;

	cpy(host, spec, sizeof(host));
	port = strrchr(host, ':');
	if (!port) {
		return -1;
	}
	*port++ = '\0';
	memset(&hints, 0, sizeof(hints));
	hints.ai_family = AF_INET;
	hints.ai_socktype = cfg.tr == TR_UDP ? SOCK_DGRAM : SOCK_STREAM;
	if (getaddrinfo(host[0] ? host : "127.0.0.1", port, &hints, &ai)) {
		return -1;
	}
	memcpy(ss, ai->ai_addr, ai->ai_addrlen);
	*len = ai->ai_addrlen;
	freeaddrinfo(ai);
	return 0;
}

static void die(const char *what)
{
	fprintf(stderr, "libpri_pbx: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int bound_port(int fd)
{
	struct sockaddr_in sin;
	socklen_t len = sizeof(sin);

	if (getsockname(fd, (struct sockaddr *) &sin, &len) || sin.sin_family != AF_INET) {
		return 0;
	}
	return ntohs(sin.sin_port);
}

static void l1_open(void)
{
	struct sockaddr_storage ss;
	struct sockaddr_un un;
	socklen_t len;
	int one = 1;

	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	if (cfg.tr == TR_UDP) {
		if (resolve(cfg.addr, &ss, &len)) {
			die(cfg.addr);
		}
		data_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (bind(data_fd, (struct sockaddr *) &ss, len)) {
			die("bind");
		}
		if (cfg.addr2[0] && resolve(cfg.addr2, &udp_peer, &udp_peer_len)) {
			die(cfg.addr2);
		}
		return;
	}
	if (!cfg.listening) {
		return;
	}
	if (cfg.tr == TR_TCP) {
		if (resolve(cfg.addr, &ss, &len)) {
			die(cfg.addr);
		}
		listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(listen_fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(listen_fd, (struct sockaddr *) &ss, len)) {
			die("bind");
		}
	} else {
		cpy(un.sun_path, cfg.addr, sizeof(un.sun_path));
		unlink(cfg.addr);
		listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		if (bind(listen_fd, (struct sockaddr *) &un, sizeof(un))) {
			die("bind");
		}
	}
	if (listen(listen_fd, 1)) {
		die("listen");
	}
}

static void l1_attached(int fd)
{
	int one = 1;

	data_fd = fd;
	rx_stream_len = 0;
	if (cfg.tr == TR_TCP) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	l1_event("up", NULL);
}

static void l1_connect(void)
{
	struct sockaddr_storage ss;
	struct sockaddr_un un;
	socklen_t len;
	int fd, rc;

	next_connect = now_ms() + 300;
	if (cfg.tr == TR_DAHDI) {
		fd = dahdi_open(atoi(cfg.addr));
		if (fd >= 0) {
			l1_attached(fd);
		}
		return;
	}
	if (cfg.tr == TR_TCP) {
		if (resolve(cfg.addr, &ss, &len)) {
			return;
		}
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		rc = connect(fd, (struct sockaddr *) &ss, len);
	} else {
		memset(&un, 0, sizeof(un));
		un.sun_family = AF_UNIX;
		cpy(un.sun_path, cfg.addr, sizeof(un.sun_path));
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		rc = connect(fd, (struct sockaddr *) &un, sizeof(un));
	}
	if (rc) {
		close(fd);
		return;
	}
	l1_attached(fd);
}

/* ------------------------------------------------------------- commands */

static const char *opt(char **argv, int argc, const char *key)
{
	size_t n = strlen(key);
	int i;

	for (i = 1; i < argc; ++i) {
		if (!strncmp(argv[i], key, n) && argv[i][n] == '=') {
			return argv[i] + n + 1;
		}
	}
	return NULL;
}

static struct callrec *pick(char **argv, int argc, int at)
{
	struct callrec *r;

	if (argc > at && strcmp(argv[at], "last")) {
		r = call_by_id(atoi(argv[at]));
	} else {
		r = call_last();
	}
	if (!r) {
		warn("%s: no such call", argv[0]);
	}
	return r;
}

static size_t unhex(const char *s, unsigned char *out, size_t size)
{
	size_t n = 0;
	int hi = -1;

	for (; *s; ++s) {
		int v;

		if (isdigit((unsigned char) *s)) {
			v = *s - '0';
		} else if (isxdigit((unsigned char) *s)) {
			v = tolower((unsigned char) *s) - 'a' + 10;
		} else {
			continue;
		}
		if (hi < 0) {
			hi = v;
		} else {
			if (n < size) {
				out[n++] = (unsigned char) (hi << 4 | v);
			}
			hi = -1;
		}
	}
	return n;
}

static void party(struct pri_party_id *id, const char *number, const char *name)
{
	memset(id, 0, sizeof(*id));
	if (number) {
		id->number.valid = 1;
		id->number.presentation = PRES_ALLOWED_NETWORK_NUMBER;
		id->number.plan = PRI_UNKNOWN;
		cpy(id->number.str, number, sizeof(id->number.str));
	}
	if (name) {
		id->name.valid = 1;
		id->name.presentation = PRI_PRES_ALLOWED;
		id->name.char_set = PRI_CHAR_SET_ISO8859_1;
		cpy(id->name.str, name, sizeof(id->name.str));
	}
}

static void cmd_call(int argc, char **argv)
{
	struct pri_sr *sr;
	struct callrec *r;
	q931_call *c;
	const char *v;
	int chan, bearer = PRI_TRANS_CAP_SPEECH, plan = PRI_UNKNOWN, exclusive = 1;
	char called[64];

	if (argc < 2) {
		warn("call NUMBER [from=N] [name=TEXT] [hidden=1|name|number] [chan=N] [preferred=1] [plan=N] "
			"[bearer=speech|audio|digital] [overlap=1] [redir=N] [redir-name=TEXT] [reason=N] "
			"[orig=N]");
		return;
	}
	cpy(called, argv[1], sizeof(called));
	v = opt(argv, argc, "chan");
	chan = v ? atoi(v) : chan_pick();
	if (!chan) {
		warn("call: no free channel");
		return;
	}
	v = opt(argv, argc, "bearer");
	if (v && !strcmp(v, "audio")) {
		bearer = PRI_TRANS_CAP_3_1K_AUDIO;
	} else if (v && !strcmp(v, "digital")) {
		bearer = PRI_TRANS_CAP_DIGITAL;
	}
	v = opt(argv, argc, "plan");
	if (v) {
		plan = (int) strtol(v, NULL, 0);
	}
	v = opt(argv, argc, "preferred");
	if (v && atoi(v)) {
		exclusive = 0;
	}
	c = pri_new_call(pri);
	if (!c || !(r = call_new(c, 1))) {
		warn("call: libpri gave no call record");
		return;
	}
	r->chan = chan;
	if (chan > 0 && chan < 32) {
		chan_busy[chan] = 1;
	}
	cpy(r->called, called, sizeof(r->called));
	sr = pri_sr_new();
	pri_sr_set_channel(sr, chan, exclusive, 0);
	pri_sr_set_bearer(sr, bearer, cfg.t1 ? PRI_LAYER_1_ULAW : PRI_LAYER_1_ALAW);
	v = opt(argv, argc, "overlap");
	pri_sr_set_called(sr, called, plan, !(v && atoi(v)));
	if (opt(argv, argc, "from") || opt(argv, argc, "name")) {
		struct pri_party_id id;

		memset(&id, 0, sizeof(id));
		v = opt(argv, argc, "from");
		if (v) {
			id.number.valid = 1;
			id.number.presentation = PRES_ALLOWED_USER_NUMBER_PASSED_SCREEN;
			id.number.plan = plan;
			cpy(id.number.str, v, sizeof(id.number.str));
			cpy(r->calling, v, sizeof(r->calling));
		}
		v = opt(argv, argc, "name");
		if (v) {
			id.name.valid = 1;
			id.name.presentation = PRI_PRES_ALLOWED;
			id.name.char_set = PRI_CHAR_SET_ISO8859_1;
			cpy(id.name.str, v, sizeof(id.name.str));
		}
		v = opt(argv, argc, "hidden");
		if (v && strcmp(v, "name")) {
			id.number.presentation = PRES_PROHIB_USER_NUMBER_PASSED_SCREEN;
		}
		if (v && strcmp(v, "number")) {
			id.name.presentation = PRI_PRES_RESTRICTED;
		}
		pri_sr_set_caller_party(sr, &id);
	}
	v = opt(argv, argc, "redir");
	if (v) {
		/* diverted call: divertingLegInformation2 */
		struct pri_party_redirecting red;
		const char *w;

		memset(&red, 0, sizeof(red));
		party(&red.from, v, opt(argv, argc, "redir-name"));
		party(&red.to, called, NULL);
		w = opt(argv, argc, "orig");
		if (w) {
			party(&red.orig_called, w, NULL);
		}
		red.count = w ? 2 : 1;
		w = opt(argv, argc, "reason");
		red.reason = w ? (int) strtol(w, NULL, 0) : PRI_REDIR_UNCONDITIONAL;
		red.orig_reason = red.reason;
		pri_sr_set_redirecting_parties(sr, &red);
	}
	if (pri_setup(pri, c, sr)) {
		warn("call: libpri refused the set-up");
		pri_sr_free(sr);
		pri_destroycall(pri, c);
		call_free(r);
		return;
	}
	pri_sr_free(sr);
	call_event(r, "calling", -1);
	j_str("called", r->called);
	j_str("calling", r->calling);
	j_end();
}

/* mwi on|off|ask NUMBER [from=N] [n=..] [service=..] [centre=int:|num:|str:] ... */
static void cmd_mwi(int argc, char **argv)
{
	const char *from = opt(argv, argc, "from");
	const char *v;
	struct callrec *r;
	q931_call *c;
	int op, rc, own, i;
	static int invoke_id = 1000;

	if (argc < 3) {
		warn("mwi on|off|ask NUMBER [from=N] [own=1] [service=N] [n=N] [orig=N] [time=T] "
			"[prio=N] [centre=int:N|num:N|str:S] [plan=unknown|public|private] [ton=N] "
			"[interp=N|none] [profile=91|9f] [nfe=0] [op=local|ecma|iso] [called=N]");
		return;
	}
	op = !strcmp(argv[1], "on") ? 80 : !strcmp(argv[1], "off") ? 81 : 82;
	own = op == 82;
	for (i = 3; i < argc; ++i) {
		if (strncmp(argv[i], "from=", 5)) {
			own = 1;
		}
	}
	c = pri_new_call(pri);
	if (!c || !(r = call_new(c, 1))) {
		warn("mwi: libpri gave no call record");
		return;
	}
	r->cis = 1;
	cpy(r->called, argv[2], sizeof(r->called));
	cpy(r->calling, from, sizeof(r->calling));
	if (!own) {
		/* libpri encodes the invoke */
		if (op == 80) {
			rc = pri_mwi_activate(pri, c, (char *) from, PRI_UNKNOWN, NULL,
				PRES_ALLOWED_USER_NUMBER_NOT_SCREENED, argv[2], PRI_UNKNOWN);
		} else {
			rc = pri_mwi_deactivate(pri, c, (char *) from, PRI_UNKNOWN, NULL,
				PRES_ALLOWED_USER_NUMBER_NOT_SCREENED, argv[2], PRI_UNKNOWN);
		}
	} else {
		/* own encoding, for the arguments libpri never sends */
		struct enc e;
		struct pri_sr *sr;
		int mark, ton, plan, interp, nfe;
		char called[64];

		v = opt(argv, argc, "plan");
		plan = v && !strcmp(v, "public") ? 1 : v && !strcmp(v, "private") ? 5 : 0;
		v = opt(argv, argc, "ton");
		ton = v ? atoi(v) : 0;
		e_init(&e);
		mark = e.at;
		if (op == 80) {
			if ((v = opt(argv, argc, "prio"))) {
				e_int(&e, 0x85, atoi(v));
			}
			if ((v = opt(argv, argc, "time"))) {
				e_text(&e, 0x18, v);
			}
			if ((v = opt(argv, argc, "orig"))) {
				int m2 = e.at;

				e_party(&e, plan, ton, v);
				e_wrap(&e, 0xa4, m2);
			}
			if ((v = opt(argv, argc, "n"))) {
				e_int(&e, 0x83, atol(v));
			}
		}
		if ((v = opt(argv, argc, "centre"))) {
			if (!strncmp(v, "int:", 4)) {
				e_int(&e, 0x80, atol(v + 4));
			} else if (!strncmp(v, "num:", 4)) {
				int m2 = e.at;

				e_party(&e, plan, ton, v + 4);
				e_wrap(&e, 0xa1, m2);
			} else if (!strncmp(v, "str:", 4)) {
				e_text(&e, 0x82, v + 4);
			}
		}
		v = opt(argv, argc, "service");
		e_int(&e, 0x0a, v ? atoi(v) : 1);
		e_party(&e, plan, ton, argv[2]);
		e_wrap(&e, 0x30, mark);
		e_operation(&e, op, opt(argv, argc, "op"));
		e_int(&e, 0x02, ++invoke_id);
		e_wrap(&e, 0xa1, mark);
		v = opt(argv, argc, "interp");
		interp = !v ? 0 : !strcmp(v, "none") ? -1 : atoi(v);
		v = opt(argv, argc, "nfe");
		nfe = !v || atoi(v);
		v = opt(argv, argc, "profile");
		e_header2(&e, interp, nfe, v ? (unsigned) strtoul(v, NULL, 16) : 0x9f);
		e_send(&e, c, M_SETUP);

		sr = pri_sr_new();
		if (op == 82) {
			pri_sr_set_no_channel_call(sr);
		} else {
			pri_sr_set_connection_call_independent(sr);
		}
		v = opt(argv, argc, "called");
		cpy(called, v ? v : argv[2], sizeof(called));
		pri_sr_set_called(sr, called, PRI_UNKNOWN, 1);
		if (from) {
			pri_sr_set_caller(sr, (char *) from, NULL, PRI_UNKNOWN,
				PRES_ALLOWED_USER_NUMBER_NOT_SCREENED);
		}
		rc = pri_setup(pri, c, sr);
		pri_sr_free(sr);
	}
	if (rc) {
		warn("mwi: libpri refused the set-up");
		pri_destroycall(pri, c);
		call_free(r);
		return;
	}
	call_event(r, "mwi-sent", -1);
	j_int("op", op);
	j_str("number", argv[2]);
	j_end();
}

static void cmd_policy(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; ++i) {
		char *v = strchr(argv[i], '=');
		char *arg;

		if (!v) {
			warn("policy KEY=VALUE ...");
			continue;
		}
		*v++ = '\0';
		arg = strchr(v, ':');
		if (arg) {
			*arg++ = '\0';
		}
		if (!strcmp(argv[i], "mwi")) {
			static const char *const names[] = {
				"ok", "error", "reject", "ignore", "unsupported", "cause", "silent"
			};
			size_t k;

			for (k = 0; k < sizeof(names) / sizeof(names[0]); ++k) {
				if (!strcmp(v, names[k])) {
					cfg.mwi = (enum mwi_policy) k;
					cfg.mwi_arg = arg ? atoi(arg) : 0;
					break;
				}
			}
			if (k == sizeof(names) / sizeof(names[0])) {
				warn("policy: unknown mwi value %s", v);
			}
		} else if (!strcmp(argv[i], "mwi-at")) {
			cfg.mwi_at = !strcmp(v, "facility") ? AT_FACILITY
				: !strcmp(v, "release") ? AT_RELEASE : AT_CONNECT;
		} else if (!strcmp(argv[i], "mwi-delay")) {
			cfg.mwi_delay = atoi(v);
		} else if (!strcmp(argv[i], "mwi-result")) {
			cfg.mwi_short = !strcmp(v, "short");
		} else if (!strcmp(argv[i], "mwi-proceeding")) {
			cfg.mwi_proceeding = atoi(v);
		} else if (!strcmp(argv[i], "users")) {
			char *save = NULL;
			char *u;

			cfg.nusers = 0;
			if (strcmp(v, "any")) {
				for (u = strtok_r(v, ",", &save); u && cfg.nusers < MAX_USERS;
					u = strtok_r(NULL, ",", &save)) {
					cpy(cfg.users[cfg.nusers++], u, sizeof(cfg.users[0]));
				}
			}
		} else if (!strcmp(argv[i], "call")) {
			static const char *const names[] = {
				"manual", "answer", "alert", "proceed", "reject", "ignore"
			};
			size_t k;

			for (k = 0; k < sizeof(names) / sizeof(names[0]); ++k) {
				if (!strcmp(v, names[k])) {
					cfg.call = (enum call_policy) k;
					cfg.call_arg = arg ? atoi(arg) : 0;
					break;
				}
			}
			if (k == sizeof(names) / sizeof(names[0])) {
				warn("policy: unknown call value %s", v);
			}
		} else if (!strcmp(argv[i], "call-delay")) {
			cfg.call_delay = atoi(v);
		} else if (!strcmp(argv[i], "connected-name")) {
			cpy(cfg.cname, v, sizeof(cfg.cname));
		} else {
			warn("policy: unknown key %s", argv[i]);
		}
	}
	j_begin("ok");
	j_str("cmd", "policy");
	j_end();
}

static int debug_bits(const char *s)
{
	int d = 0;

	if (strstr(s, "all")) {
		d |= PRI_DEBUG_ALL;
	}
	if (strstr(s, "q921")) {
		d |= PRI_DEBUG_Q921_DUMP | PRI_DEBUG_Q921_STATE | PRI_DEBUG_Q921_RAW;
	}
	if (strstr(s, "q931")) {
		d |= PRI_DEBUG_Q931_DUMP | PRI_DEBUG_Q931_STATE | PRI_DEBUG_Q931_ANOMALY;
	}
	if (strstr(s, "apdu")) {
		d |= PRI_DEBUG_APDU;
	}
	return d;
}

static void command(char *line)
{
	char *argv[64];
	int argc = 0, quoted;
	char *p = line;
	struct callrec *r;
	unsigned char buf[MAX_FRAME];

	while (argc < 63) {
		char *w;

		while (isspace((unsigned char) *p)) {
			*p++ = '\0';
		}
		if (!*p || *p == '#') {
			break;
		}
		argv[argc++] = w = p;
		for (quoted = 0; *p && (quoted || !isspace((unsigned char) *p)); ++p) {
			if (*p == '"') {
				quoted = !quoted;
			} else {
				*w++ = *p;
			}
		}
		if (*p) {
			*p++ = '\0';
		}
		*w = '\0';
	}
	if (!argc) {
		return;
	}
	if (!strcmp(argv[0], "call")) {
		cmd_call(argc, argv);
	} else if (!strcmp(argv[0], "mwi")) {
		cmd_mwi(argc, argv);
	} else if (!strcmp(argv[0], "policy")) {
		cmd_policy(argc, argv);
	} else if (!strcmp(argv[0], "proceed")) {
		if ((r = pick(argv, argc, 1))) {
			pri_proceeding(pri, r->c, r->chan, 0);
		}
	} else if (!strcmp(argv[0], "alert")) {
		if ((r = pick(argv, argc, 1))) {
			pri_acknowledge(pri, r->c, r->chan, opt(argv, argc, "inband") != NULL);
		}
	} else if (!strcmp(argv[0], "progress")) {
		if ((r = pick(argv, argc, 1))) {
			pri_progress(pri, r->c, r->chan, 1);
		}
	} else if (!strcmp(argv[0], "setupack")) {
		if ((r = pick(argv, argc, 1))) {
			pri_setup_ack(pri, r->c, r->chan, 0, 0);
		}
	} else if (!strcmp(argv[0], "answer")) {
		if ((r = pick(argv, argc, 1))) {
			if (r->cis && r->have_mwi) {
				mwi_act(r);
			} else {
				answer(r);
			}
		}
	} else if (!strcmp(argv[0], "hangup") || !strcmp(argv[0], "reject")) {
		if ((r = pick(argv, argc, 1))) {
			hangup(r, argc > 2 ? atoi(argv[2])
				: argv[0][0] == 'r' ? PRI_CAUSE_CALL_REJECTED : PRI_CAUSE_NORMAL_CLEARING);
		}
	} else if (!strcmp(argv[0], "info")) {
		if (argc > 2 && (r = pick(argv, argc, 1))) {
			for (p = argv[2]; *p; ++p) {
				pri_information(pri, r->c, *p);
			}
		}
	} else if (!strcmp(argv[0], "notify")) {
		if (argc > 2 && (r = pick(argv, argc, 1))) {
			pri_notify(pri, r->c, r->chan, (int) strtol(argv[2], NULL, 0));
		}
	} else if (!strcmp(argv[0], "hold")) {
		if ((r = pick(argv, argc, 1))) {
			pri_hold(pri, r->c);
		}
	} else if (!strcmp(argv[0], "retrieve")) {
		if ((r = pick(argv, argc, 1))) {
			pri_retrieve(pri, r->c, r->chan);
		}
	} else if (!strcmp(argv[0], "transferred")) {
		/* transferred ID NUMBER [name=TEXT]: callTransferComplete (QSIG) */
		if (argc > 2 && (r = pick(argv, argc, 1))) {
			struct pri_party_connected_line line;

			memset(&line, 0, sizeof(line));
			party(&line.id, argv[2], opt(argv, argc, "name"));
			pri_connected_line_update(pri, r->c, &line);
		}
	} else if (!strcmp(argv[0], "deflect")) {
		/* deflect ID NUMBER [reason=N]: callRerouting (QSIG) */
		if (argc > 2 && (r = pick(argv, argc, 1))) {
			struct pri_party_redirecting red;
			const char *w = opt(argv, argc, "reason");

			memset(&red, 0, sizeof(red));
			party(&red.from, r->called, NULL);
			party(&red.to, argv[2], NULL);
			party(&red.orig_called, r->called, NULL);
			red.count = 1;
			red.reason = w ? (int) strtol(w, NULL, 0) : PRI_REDIR_UNCONDITIONAL;
			red.orig_reason = red.reason;
			if (pri_reroute_call(pri, r->c, NULL, &red, 1)) {
				warn("deflect: libpri refused");
			}
		}
	} else if (!strcmp(argv[0], "facility")) {
		/* facility ID HEX: body of a Facility IE, profile octet first */
		if (argc > 2 && !strcmp(argv[1], "dummy")) {
			size_t n = unhex(argv[2], buf, sizeof(buf));

			if (!dummy_call || pri_call_apdu_queue(dummy_call, M_FACILITY, buf, (int) n, NULL)) {
				warn("facility: no dummy call reference has been seen");
			} else {
				q931_facility(pri, dummy_call);
			}
		} else if (argc > 2 && (r = pick(argv, argc, 1))) {
			size_t n = unhex(argv[2], buf, sizeof(buf));

			if (pri_call_apdu_queue(r->c, M_FACILITY, buf, (int) n, NULL)) {
				warn("facility: libpri refused the APDU");
			} else {
				q931_facility(pri, r->c);
			}
		}
	} else if (!strcmp(argv[0], "restart")) {
		pri_reset(pri, argc > 1 ? atoi(argv[1]) : 1);
	} else if (!strcmp(argv[0], "service")) {
		/* service CHANNEL STATE: 0 in service, 1 maintenance, 2 out of service */
		if (argc > 2 && pri_maintenance_service(pri, 0, atoi(argv[1]), atoi(argv[2]))) {
			warn("service: libpri refused");
		}
	} else if (!strcmp(argv[0], "raw")) {
		if (argc > 1) {
			size_t n = unhex(argv[1], buf, sizeof(buf));

			l1_send(buf, n);
		}
	} else if (!strcmp(argv[0], "l1")) {
		l1_blocked = argc > 1 && !strcmp(argv[1], "down");
		if (argc > 1 && !strcmp(argv[1], "close")) {
			l1_close("command");
		} else {
			l1_event(l1_blocked ? "blocked" : "unblocked", "command");
		}
	} else if (!strcmp(argv[0], "drop")) {
		int n = argc > 2 ? atoi(argv[2]) : 1;

		if (argc > 1 && !strcmp(argv[1], "rx")) {
			drop_rx = n;
		} else {
			drop_tx = n;
		}
	} else if (!strcmp(argv[0], "dup")) {
		dup_tx = argc > 1 ? atoi(argv[1]) : 1;
	} else if (!strcmp(argv[0], "lamps")) {
		int i, n = 0;

		j_begin("lamps");
		j_raw(",\"lamps\":[");
		for (i = 0; i < nlamps; ++i) {
			j_raw("%s{\"number\":", n++ ? "," : "");
			j_quote(lamps[i].number);
			j_int("basic_service", lamps[i].service);
			j_str("state", lamps[i].on ? "on" : "off");
			if (lamps[i].nb >= 0) {
				j_int("messages", lamps[i].nb);
			}
			j_raw("}");
		}
		j_raw("]");
		j_end();
	} else if (!strcmp(argv[0], "calls") || !strcmp(argv[0], "status")) {
		int i, n = 0, busy = 0;
		unsigned active = 0, global = 0;
		char *dump = pri_dump_info_str(pri);
		const char *total = dump ? strstr(dump, "active-calls:") : NULL;

		j_begin("status");
		j_bool("l1", data_fd >= 0 && !l1_blocked);
		j_bool("l2", l2_up);
		j_raw(",\"calls\":[");
		for (i = 0; i < MAX_CALLS; ++i) {
			if (calls[i].c) {
				j_raw("%s{\"id\":%d", n++ ? "," : "", calls[i].id);
				j_str("state", calls[i].state);
				j_bool("cis", calls[i].cis);
				j_int("chan", calls[i].chan);
				j_str("called", calls[i].called);
				j_raw("}");
			}
		}
		j_raw("]");
		for (i = 1; i < 32; ++i) {
			busy += chan_busy[i] != 0;
		}
		j_int("channels", busy);
		/* libpri's own count of call records, the program's list aside */
		if (total && sscanf(total, "active-calls:%u global:%u", &active, &global) == 2) {
			j_int("libpri_calls", active);
			j_int("libpri_global", global);
		}
		free(dump);
		j_end();
	} else if (!strcmp(argv[0], "timer")) {
		if (argc > 2 && pri_timer2idx(argv[1]) >= 0) {
			pri_set_timer(pri, pri_timer2idx(argv[1]), atoi(argv[2]));
		} else {
			warn("timer NAME VALUE, with libpri's timer names");
		}
	} else if (!strcmp(argv[0], "debug")) {
		cfg.debug = argc > 1 ? debug_bits(argv[1]) : 0;
		pri_set_debug(pri, cfg.debug);
	} else if (!strcmp(argv[0], "frames")) {
		cfg.frames = !(argc > 1 && !strcmp(argv[1], "off"));
	} else if (!strcmp(argv[0], "quit")) {
		j_begin("bye");
		j_end();
		exit(0);
	} else {
		warn("unknown command %s", argv[0]);
	}
}

/* ------------------------------------------------------------- main */

static int parse_transport(const char *s)
{
	if (!strncmp(s, "tcp:", 4)) {
		cfg.tr = TR_TCP;
		s += 4;
	} else if (!strncmp(s, "unix:", 5)) {
		cfg.tr = TR_UNIX;
		s += 5;
	} else if (!strncmp(s, "dahdi:", 6)) {
		cfg.tr = TR_DAHDI;
		s += 6;
	} else if (!strncmp(s, "udp:", 4)) {
		char *comma;

		cfg.tr = TR_UDP;
		cpy(cfg.addr, s + 4, sizeof(cfg.addr));
		comma = strchr(cfg.addr, ',');
		if (comma) {
			*comma++ = '\0';
			cpy(cfg.addr2, comma, sizeof(cfg.addr2));
		}
		return 0;
	} else {
		return -1;
	}
	cpy(cfg.addr, s, sizeof(cfg.addr));
	return 0;
}

static void usage(void)
{
	fputs("usage: libpri_pbx [options]\n"
		"  -l, --listen SPEC    wait for the peer at tcp:HOST:PORT, unix:PATH or\n"
		"                       udp:HOST:PORT[,PEERHOST:PEERPORT]\n"
		"  -c, --connect SPEC   connect to tcp:HOST:PORT, unix:PATH or dahdi:CHANNEL\n"
		"  -s, --side SIDE      network (default) or user\n"
		"  -w, --switch TYPE    qsig (default), euroisdn, ni2, dms100, 5ess, 4ess\n"
		"  -1, --t1             24 channel span, mu-law (default: 30 channel span, A-law)\n"
		"  -f, --frames         print every frame\n"
		"  -F, --fcs            frames carry a real FCS on the socket\n"
		"  -p, --pcap FILE      write a capture (link type 177)\n"
		"  -d, --debug LIST     libpri tracing: q921,q931,apdu,all\n"
		"  -x, --exec LINE      run a command before reading standard input (repeatable)\n"
		"      --exit-on-eof    leave when standard input ends (default: keep running)\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{"listen", 1, NULL, 'l'}, {"connect", 1, NULL, 'c'}, {"side", 1, NULL, 's'},
		{"switch", 1, NULL, 'w'}, {"t1", 0, NULL, '1'}, {"frames", 0, NULL, 'f'},
		{"fcs", 0, NULL, 'F'}, {"pcap", 1, NULL, 'p'}, {"debug", 1, NULL, 'd'},
		{"exec", 1, NULL, 'x'}, {"exit-on-eof", 0, NULL, 1000}, {"help", 0, NULL, 'h'},
		{NULL, 0, NULL, 0}
	};
	static const struct {
		const char *name;
		int type;
	} switches[] = {
		{"qsig", PRI_SWITCH_QSIG}, {"euroisdn", PRI_SWITCH_EUROISDN_E1},
		{"ni2", PRI_SWITCH_NI2}, {"dms100", PRI_SWITCH_DMS100},
		{"5ess", PRI_SWITCH_LUCENT5E}, {"4ess", PRI_SWITCH_ATT4ESS},
	};
	char *exec_lines[64];
	int nexec = 0, have_transport = 0, exit_on_eof = 0, stdin_open = 1;
	char inbuf[8192];
	size_t inlen = 0;
	int o;
	size_t k;

	while ((o = getopt_long(argc, argv, "l:c:s:w:1fFp:d:x:h", longopts, NULL)) != -1) {
		switch (o) {
		case 'l':
		case 'c':
			if (parse_transport(optarg)) {
				usage();
			}
			cfg.listening = o == 'l';
			have_transport = 1;
			break;
		case 's':
			cfg.node = !strcmp(optarg, "user") ? PRI_CPE : PRI_NETWORK;
			break;
		case 'w':
			for (k = 0; k < sizeof(switches) / sizeof(switches[0]); ++k) {
				if (!strcmp(optarg, switches[k].name)) {
					cfg.swtype = switches[k].type;
					cfg.swname = switches[k].name;
					break;
				}
			}
			if (k == sizeof(switches) / sizeof(switches[0])) {
				usage();
			}
			break;
		case '1':
			cfg.t1 = 1;
			break;
		case 'f':
			cfg.frames = 1;
			break;
		case 'F':
			cfg.fcs = 1;
			break;
		case 'p':
			cfg.pcap = optarg;
			break;
		case 'd':
			cfg.debug = debug_bits(optarg);
			break;
		case 'x':
			if (nexec < 64) {
				exec_lines[nexec++] = strdup(optarg);
			}
			break;
		case 1000:
			exit_on_eof = 1;
			break;
		default:
			usage();
		}
	}
	if (!have_transport) {
		usage();
	}
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);

	pri_set_message(on_message);
	pri_set_error(on_error);
	calibrate();
	if (cfg.pcap) {
		pcap_open(cfg.pcap);
	}
	l1_open();

	j_begin("start");
	j_str("libpri", pri_get_version());
	j_str("side", cfg.node == PRI_NETWORK ? "network" : "user");
	j_str("switch", cfg.swname);
	j_str("transport", cfg.tr == TR_TCP ? "tcp" : cfg.tr == TR_UNIX ? "unix"
		: cfg.tr == TR_DAHDI ? "dahdi" : "udp");
	if (cfg.tr == TR_TCP || cfg.tr == TR_UDP) {
		j_int("port", bound_port(cfg.tr == TR_UDP ? data_fd : listen_fd));
	}
	j_bool("mwi_accept", cis_off >= 0);
	j_end();

	/* Wait for layer 1 before starting layer 2, as a real line card would. */
	for (;;) {
		struct pollfd pfd[3];
		int n = 0, i_in = -1, i_listen = -1, i_data = -1;
		int timeout = 1000;
		struct timeval *tv;

		if (!pri && data_fd >= 0) {
			if (cfg.tr == TR_UDP) {
				l1_event("up", NULL);
			}
			pri = pri_new_cb(data_fd, cfg.node, cfg.swtype, io_read, io_write, NULL);
			if (!pri) {
				die("pri_new_cb");
			}
			pri_set_debug(pri, cfg.debug);
			/* else libpri answers SERVICE by itself and says nothing */
			pri_set_service_message_support(pri, 1);
			pri_facility_enable(pri);
			pri_hangup_fix_enable(pri, 1);
			pri_hold_enable(pri, 1);
			pri_transfer_enable(pri, 1);
			pri_reroute_enable(pri, 1);
			pri_set_overlapdial(pri, 1);
			for (o = 0; o < nexec; ++o) {
				command(exec_lines[o]);
			}
		}
		if (stdin_open) {
			i_in = n;
			pfd[n++] = (struct pollfd) { 0, POLLIN, 0 };
		}
		if (listen_fd >= 0 && data_fd < 0) {
			i_listen = n;
			pfd[n++] = (struct pollfd) { listen_fd, POLLIN, 0 };
		}
		if (data_fd >= 0) {
			i_data = n;
			pfd[n++] = (struct pollfd) { data_fd, POLLIN | POLLPRI, 0 };
		}
		if (data_fd < 0 && !cfg.listening && cfg.tr != TR_UDP) {
			if (now_ms() >= next_connect) {
				l1_connect();
				if (data_fd >= 0) {
					continue;
				}
			}
			timeout = 100;
		}
		if (pri && (tv = pri_schedule_next(pri))) {
			int64_t due = (int64_t) tv->tv_sec * 1000 + tv->tv_usec / 1000 + 1
				- (int64_t) now_ms();

			if (due < timeout) {
				timeout = due < 0 ? 0 : (int) due;
			}
		}
		for (o = 0; o < MAX_ACTIONS; ++o) {
			if (actions[o].due) {
				int64_t due = (int64_t) actions[o].due - (int64_t) now_ms();

				if (due < timeout) {
					timeout = due < 0 ? 0 : (int) due;
				}
			}
		}
		if (poll(pfd, (nfds_t) n, timeout) < 0 && errno != EINTR) {
			die("poll");
		}
		if (i_data >= 0 && pfd[i_data].revents) {
			l1_readable();
		}
		if (i_listen >= 0 && pfd[i_listen].revents) {
			int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0) {
				l1_attached(fd);
			}
		}
		if (pri) {
			pri_event *e;
			int guard = 64;

			while (guard-- && (e = pri_schedule_run(pri))) {
				on_event(e);
			}
			run_actions();
		}
		if (i_in >= 0 && pfd[i_in].revents) {
			ssize_t got = read(0, inbuf + inlen, sizeof(inbuf) - 1 - inlen);

			if (got > 0) {
				char *nl;

				inlen += (size_t) got;
				inbuf[inlen] = '\0';
				while ((nl = memchr(inbuf, '\n', inlen))) {
					size_t used = (size_t) (nl + 1 - inbuf);

					*nl = '\0';
					if (!pri && strncmp(inbuf, "policy", 6) && strncmp(inbuf, "quit", 4)
						&& strncmp(inbuf, "frames", 6)) {
						warn("no layer 1 yet, command ignored");
					} else {
						command(inbuf);
					}
					memmove(inbuf, nl + 1, inlen - used);
					inlen -= used;
				}
				if (inlen == sizeof(inbuf) - 1) {
					inlen = 0;
				}
			} else if (got == 0) {
				stdin_open = 0;
				if (exit_on_eof) {
					return 0;
				}
			}
		}
	}
}
