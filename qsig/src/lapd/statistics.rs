//! What the data link counts.

macro_rules! statistics {
    ($($field:ident, $name:literal, $meaning:literal;)*) => {
        /// Counters of the data link since it was made: frames by their names in Q.921 3.6, errors by the codes of MDL-ERROR
        /// indication in Q.921 Appendix II.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Statistics {
            $(#[doc = $meaning] pub $field: u64,)*
        }

        impl Statistics {
            /// Name, value and meaning of every counter, for `show`.
            pub fn table(&self) -> Vec<(&'static str, u64, &'static str)> {
                vec![$(($name, self.$field, $meaning),)*]
            }
        }
    };
}

statistics! {
    i_sent, "I sent", "I frames sent for the first time.";
    i_resent, "I resent", "I frames sent again.";
    i_received, "I received", "I frames received and delivered to layer 3.";
    rr_sent, "RR sent", "RR frames sent.";
    rr_received, "RR received", "RR frames received.";
    rnr_sent, "RNR sent", "RNR frames sent.";
    rnr_received, "RNR received", "RNR frames received.";
    rej_sent, "REJ sent", "REJ frames sent.";
    rej_received, "REJ received", "REJ frames received.";
    sabme_sent, "SABME sent", "SABME frames sent.";
    sabme_received, "SABME received", "SABME frames received.";
    disc_sent, "DISC sent", "DISC frames sent.";
    disc_received, "DISC received", "DISC frames received.";
    ua_sent, "UA sent", "UA frames sent.";
    ua_received, "UA received", "UA frames received.";
    dm_sent, "DM sent", "DM frames sent.";
    dm_received, "DM received", "DM frames received.";
    frmr_sent, "FRMR sent", "FRMR frames sent.";
    frmr_received, "FRMR received", "FRMR frames received.";
    ui_xid_received, "UI, XID received", "UI and XID frames received and ignored.";
    ns_errors, "N(S) errors", "I frames discarded because N(S) was not the expected one.";
    busy_discarded, "I discarded, busy", "I frames discarded because layer 3 was busy; the peer sends them again.";
    supervisory_unsolicited, "MDL-ERROR A", "Supervisory responses with F = 1 that nobody asked for.";
    dm_unsolicited, "MDL-ERROR B", "DM with F = 1 that nobody asked for.";
    ua_unsolicited, "MDL-ERROR C, D", "UA that nobody asked for.";
    dm_established, "MDL-ERROR E", "DM with F = 0 while the link was established.";
    peer_reestablished, "MDL-ERROR F", "SABME while the link was established.";
    sabme_unanswered, "MDL-ERROR G", "SABME without an answer after N200 repetitions.";
    disc_unanswered, "MDL-ERROR H", "DISC without an answer after N200 repetitions.";
    enquiry_unanswered, "MDL-ERROR I", "Polls without an answer after N200 repetitions.";
    nr_errors, "MDL-ERROR J", "N(R) outside the window.";
    frame_rejects, "MDL-ERROR L to O", "Frame reject conditions: undefined control field, information not permitted, wrong size, longer than N201.";
    discarded, "discarded", "Frames discarded because they are no valid frames or not for this link.";
    t200_expired, "T200 expired", "Expiries of T200.";
    t203_expired, "T203 expired", "Expiries of T203.";
    established, "established", "Times the link came up.";
    lost, "lost", "Times the link was lost or set up anew after it had been up.";
}
