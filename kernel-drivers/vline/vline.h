/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vline: telephone lines and trunks made of software, for DAHDI.
 *
 * A board (struct vline_board) is one DAHDI device of two spans, the ends of
 * the same wires. Subjects, one file each:
 *
 *   vline_main.c      module parameters, the clock, loading and unloading
 *   vline_board.c     a board's spans: made, plugged in, pulled out
 *   vline_line.c      one analogue wire pair: battery, ringing, hook, lamps
 *   vline_analogue.c  the analogue board as DAHDI sees it
 *   vline_audio.c     loss and echo of a line
 *   vline_dtmf.c      the board's tone receiver
 *   vline_trunk.c     an E1 or T1 cable: alarms, errors, slips, bits
 *   vline_digital.c   the digital board as DAHDI sees it
 *   vline_debugfs.c   the controls of vline_uapi.h
 *
 * Locks, outermost first:
 *
 *   board->lock   the clock's work on a board against its removal. Never taken
 *                 from a DAHDI callback that runs under a channel's lock.
 *   chan->lock    DAHDI's. hooksig and rbsbits are called under it; every
 *                 dahdi_hooksig(), dahdi_rbsbits(), dahdi_qevent_lock() and
 *                 dahdi_alarm_channel() takes it.
 *   line->lock    one wire pair, trunk->lock one cable. Innermost: nothing of
 *                 DAHDI's is called with one of them held.
 *
 * So the callbacks only note what is wanted, under the innermost lock; the
 * clock works out what follows from it, and tells DAHDI after letting go.
 */
#ifndef VLINE_H
#define VLINE_H

#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include <dahdi/kernel.h>

#include "vline_uapi.h"

#define VLINE_E1_CHANS	31
#define VLINE_T1_CHANS	24
#define VLINE_MAX_CHANS	VLINE_E1_CHANS

struct vline_board;

/* ------------------------------------------------------------ controls */

struct vline_knob {
	const char *name;
	size_t offset;		/* of an u32 in the owner */
	u32 max;
};

/* One file of a folder of controls: which control of which owner. */
struct vline_knob_file {
	const struct vline_knob *knob;
	void *owner;
	spinlock_t *lock;	/* the owner's own */
};

/* ------------------------------------------------------------ analogue */

/* The tone receiver of one port: eight resonators over blocks of 13 ms. */
struct vline_dtmf {
	bool on;
	u8 samples;		/* gathered in this block */
	char heard;		/* by the previous block */
	char down;		/* digit reported and not yet ended */
	s32 v1[8], v2[8];
	u64 energy;
};

/* One direction's memory of what was sent, for the hybrid's echo. */
#define VLINE_ECHO_SAMPLES	512	/* a power of 2 above echo_ms * 8 + 8 */
struct vline_echo {
	s16 sent[VLINE_ECHO_SAMPLES];
	unsigned int pos;
};

/* What both ends of a line are to be told, worked out once a tick. */
struct vline_seen {
	enum dahdi_rxsig fxs;
	enum dahdi_rxsig fxo;
	bool dead;		/* no battery for long: the FXO end's alarm */
	bool polarity;		/* the polarity has just changed */
	bool neon_on;		/* the lamp voltage has just come */
	bool neon_off;		/* or gone */
	bool to_fxs;		/* audio passes towards the port */
	bool to_fxo;		/* and towards the line's far end */
	u8 tone_mode[2];	/* DAHDI_TONEDETECT of both ends */
};

struct vline_line {
	spinlock_t lock;	/* everything below but echo and dtmf */

	/* told by the FXS end's channel */
	bool fxs_there;
	enum dahdi_txsig fxs_tx;
	bool ground_start;
	bool reverse;
	u32 vmwi_type;
	u32 messages;
	u32 oht_ms;
	u8 tone_mode[2];	/* of the FXS end, of the FXO end */
	/* told by the FXO end's channel */
	bool fxo_there;
	enum dahdi_txsig fxo_tx;

	/* controls */
	u32 cut;
	u32 loop_ohms;
	u32 loss_db;
	u32 hybrid_db;
	u32 echo_ms;
	u32 ring_delay_ms;
	u32 ring_trip_ms;

	/* the wire */
	u32 ring_ms;		/* since ringing was asked for */
	u32 loop_ms;		/* loop closed during ringing */
	bool tripped;
	bool neon;
	bool was_reversed;
	u32 dead_ms;

	/* the clock's own, no lock needed */
	struct vline_echo echo;
	struct vline_dtmf dtmf[2];

	struct vline_knob_file knobs[8];
};

/* ------------------------------------------------------------- digital */

struct vline_trunk_end {
	/* controls */
	u32 cut;
	u32 send;
	u32 force_alarm;
	u32 bpv;
	u32 crc;
	u32 fas;
	u32 slip;
	u32 error_slot;

	/* told by DAHDI */
	u8 txbits[VLINE_MAX_CHANS];
	bool looped;

	/* the wire */
	bool running;		/* the span is started */
	u32 fault;		/* alarms that should be, now */
	u32 alarms;		/* alarms that are */
	u32 fault_ms;		/* how long they have differed */
	u32 slips;
	u32 errors;		/* in this second */
	bool late;		/* one frame behind, after a slip */
	u8 last[VLINE_MAX_CHANS];	/* octet that came last */

	struct vline_knob_file knobs[9];
};

/* What one end is to be told, worked out once a tick. */
struct vline_heard {
	u32 alarms;
	bool bits;		/* the bits below came over the wire */
	u8 rxbits[VLINE_MAX_CHANS];
};

struct vline_trunk {
	spinlock_t lock;	/* everything here and in the ends */
	struct vline_trunk_end end[2];
	bool t1;
	u32 cable;
	u32 alarm_ms;
	u32 second_ms;
	struct vline_knob_file knobs[3];
};

/* --------------------------------------------------------------- board */

/* One span with its channels. Made anew each time its board is plugged in. */
struct vline_span {
	struct list_head node;	/* in the board's graveyard */
	struct dahdi_span span;
	struct vline_board *board;
	unsigned int end;	/* 0: a or FXS, 1: b or FXO */
	struct dahdi_chan *chans[VLINE_MAX_CHANS];
	struct dahdi_chan store[];
};

struct vline_board {
	struct list_head node;
	char name[16];
	const char *type;
	unsigned int channels;		/* of each span */
	void (*setup)(struct vline_span *s);
	void (*tick)(struct vline_board *b);

	spinlock_t lock;		/* live, end[] and the work on them */
	bool live;
	struct vline_span *end[2];

	struct mutex plug;		/* plugging in and pulling out */
	struct dahdi_device *ddev;
	struct list_head graveyard;

	struct vline_line *lines;	/* of an analogue board */
	struct vline_trunk *trunk;	/* of a digital one */
};

static inline struct vline_span *vline_span_of(struct dahdi_span *span)
{
	return container_of(span, struct vline_span, span);
}

/* DAHDI knows the span: it has numbers, and its channels can be open. */
static inline bool vline_span_known(const struct vline_span *s)
{
	return test_bit(DAHDI_FLAGBIT_REGISTERED, &s->span.flags);
}

/* vline_board.c */
struct vline_board *vline_board_new(const char *name, const char *type,
				    unsigned int channels);
void vline_board_free(struct vline_board *b);
int vline_board_plug(struct vline_board *b, bool in);
void vline_board_run(struct vline_board *b);
void vline_board_settle(struct vline_board *b);
extern struct device *vline_root;

/* vline_line.c */
void vline_line_init(struct vline_line *l);
void vline_line_unplug(struct vline_line *l);
void vline_line_step(struct vline_line *l, bool fxs, bool fxo,
		     struct vline_seen *seen);
int vline_line_polarity(struct vline_line *l, bool reverse);
void vline_line_voltages(struct vline_line *l, int *tip_mv, int *ring_mv,
			 int *ac_mv);
void vline_line_show(struct vline_line *l, struct seq_file *m);

/* vline_audio.c */
void vline_audio_pass(struct vline_line *l, const struct vline_seen *seen,
		      struct dahdi_chan *fxs, struct dahdi_chan *fxo);

/* vline_dtmf.c */
void vline_dtmf_chunk(struct vline_dtmf *d, struct dahdi_chan *chan, u32 mode);

/* vline_analogue.c */
struct vline_board *vline_analogue_new(unsigned int lines, bool alaw);

/* vline_trunk.c */
void vline_trunk_init(struct vline_trunk *t, bool t1);
void vline_trunk_unplug(struct vline_trunk *t);
void vline_trunk_step(struct vline_board *b, struct vline_heard heard[2]);
void vline_trunk_show(struct vline_trunk *t, unsigned int end, struct seq_file *m);

/* vline_digital.c */
struct vline_board *vline_digital_new(const char *name, bool t1);

/* vline_debugfs.c */
void vline_debugfs_init(void);
void vline_debugfs_exit(void);
void vline_debugfs_board(struct vline_board *b);

#endif
