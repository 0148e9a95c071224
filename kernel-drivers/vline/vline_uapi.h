/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Controls of the vline driver: the outside plant's side of its boards.
 *
 * A program that uses DAHDI channels needs nothing from this file. It is for
 * those who play the outside world: tests, demonstrations, people at a shell.
 * All controls are plain text files in debugfs, one value a file, in decimal
 * (0x.. is understood too); a value outside its range is refused with ERANGE
 * and changes nothing. Only root can reach them.
 *
 *   /sys/kernel/debug/dahdi_vline/
 *     analogue/                one FXS span and one FXO span, wired one to one
 *       present                1: plugged in, 0: pulled out (hot removal)
 *       line1/ ... lineN/      one wire pair each
 *         cut                  1: both wires cut
 *         loop_ohms            resistance of the loop, without the telephone
 *         loss_db              loss of audio, either way
 *         hybrid_db            return loss of the port's hybrid; 60: no echo
 *         echo_ms              how late that echo comes
 *         ring_delay_ms        from the driver's "ring" to voltage on the wire
 *         ring_trip_ms         from off hook to the end of the ringing
 *         state                read only, see below
 *     e1-0/ ... t1-0/ ...      two spans back to back: ends a and b
 *       present                as above
 *       cable                  1: the whole cable is pulled, both ways
 *       alarm_ms               how long a fault must last to be an alarm
 *       a/, b/                 one end each
 *         cut                  1: this end receives nothing (one pair cut)
 *         send                 what this end's transmitter does, VLINE_SEND_*
 *         force_alarm          alarms to report in any case, VLINE_ALARM_*
 *         bpv, crc, fas, slip  write N: so many errors arrive at this end, one
 *                              a millisecond; read: how many are still to come
 *         error_slot           channel whose octet each bpv and crc error
 *                              damages; 0: none
 *         state                read only, see below
 *
 * "state" is one line of NAME=VALUE, separated by blanks. New names may be
 * added; the order is not promised.
 *
 *   line   battery ringing loop reversed lamp oht_ms messages current_ma
 *          tip_mv ring_mv ac_mv fxs_tx fxo_tx
 *          lamp: off, reversal, hvdc or neon. ac_mv: effective value of
 *          ringing or lamp voltage. fxs_tx, fxo_tx: what the two drivers'
 *          channels were told last (0 on hook, 1 off hook, 2 start or ring,
 *          3 battery removed).
 *   end    running alarms fault looped slips
 *          alarms: as reported to DAHDI. fault: as it is on the wire now,
 *          before alarm_ms. looped: this end sends back what it receives.
 */
#ifndef VLINE_UAPI_H
#define VLINE_UAPI_H

#define VLINE_DEBUGFS_DIR	"dahdi_vline"

/* Limits of the module parameters. */
#define VLINE_MAX_LINES		24	/* lines= */
#define VLINE_MAX_PAIRS		4	/* e1= and t1=, each */
#define VLINE_MIN_TICK_US	125	/* tick_us= */
#define VLINE_MAX_TICK_US	20000

/* Largest values of the controls; the smallest is always 0. */
#define VLINE_MAX_LOOP_OHMS	10000
#define VLINE_MAX_LOSS_DB	40
#define VLINE_MAX_HYBRID_DB	60
#define VLINE_MAX_ECHO_MS	32
#define VLINE_MAX_RING_DELAY_MS	2000
#define VLINE_MAX_RING_TRIP_MS	1000
#define VLINE_MAX_ALARM_MS	10000
#define VLINE_MAX_INJECT	100000

/* "send" */
#define VLINE_SEND_NORMAL	0
#define VLINE_SEND_RAI		1	/* remote alarm: far end yellow */
#define VLINE_SEND_AIS		2	/* all ones: far end blue */
#define VLINE_SEND_UNFRAMED	3	/* no frame: far end red, frame lost */
#define VLINE_SEND_SILENCE	4	/* no signal: far end red, signal lost */

/* "force_alarm": the values DAHDI itself uses in SPANSTAT. */
#define VLINE_ALARM_YELLOW	0x004
#define VLINE_ALARM_RED		0x008
#define VLINE_ALARM_BLUE	0x010
#define VLINE_ALARM_LOS		0x100
#define VLINE_ALARM_LFA		0x200
#define VLINE_ALARM_LMFA	0x400
#define VLINE_ALARM_ALL		0x71c

#endif
