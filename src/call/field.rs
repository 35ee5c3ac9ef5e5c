//! The names of the call data that webhooks receive.

/// A field of the call data, as placeholders and the JSON body name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `com_id`: the account code; if it is empty, the configured company.
    Company,
    /// `dp_id`: the dialplan context.
    Context,
    /// `dp_in_number`: the extension.
    Extension,
    /// `dp_ex_number`: the number dialled from outside; if it is empty, the extension.
    Dialled,
    /// `callee_number`: the same as `dp_ex_number`.
    Callee,
    /// `caller_number`.
    CallerNumber,
    /// `uuid`: the channel's unique id.
    UniqueId,
    /// `phonebook_caller_name`.
    CallerName,
    /// `event_time`: the time of the request, in milliseconds since the epoch.
    EventTime,
    /// `call_start_time`: the time at which the channel was made, in milliseconds since the epoch.
    StartTime,
    /// `rta_call_id`: the id that all channels of the call share.
    LinkedId,
    /// `sip_call_id`.
    SipCallId,
    /// `switch`: `asterisk` or `freeswitch`.
    Switch,
    /// `channel`: the channel's name.
    Channel,
}

impl Field {
    /// Every field in the order of the JSON body. The first twelve are those of the Kwebbl webhook.
    pub const ALL: [Self; 14] = [
        Self::Company,
        Self::Context,
        Self::Extension,
        Self::Dialled,
        Self::Callee,
        Self::CallerNumber,
        Self::UniqueId,
        Self::CallerName,
        Self::EventTime,
        Self::StartTime,
        Self::LinkedId,
        Self::SipCallId,
        Self::Switch,
        Self::Channel,
    ];

    /// Returns the public name of the field.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Company => "com_id",
            Self::Context => "dp_id",
            Self::Extension => "dp_in_number",
            Self::Dialled => "dp_ex_number",
            Self::Callee => "callee_number",
            Self::CallerNumber => "caller_number",
            Self::UniqueId => "uuid",
            Self::CallerName => "phonebook_caller_name",
            Self::EventTime => "event_time",
            Self::StartTime => "call_start_time",
            Self::LinkedId => "rta_call_id",
            Self::SipCallId => "sip_call_id",
            Self::Switch => "switch",
            Self::Channel => "channel",
        }
    }

    /// True if the value is different in every call.
    #[must_use]
    pub fn is_unique_per_call(self) -> bool {
        match self {
            Self::UniqueId
            | Self::EventTime
            | Self::StartTime
            | Self::LinkedId
            | Self::SipCallId
            | Self::Channel => true,
            Self::Company
            | Self::Context
            | Self::Extension
            | Self::Dialled
            | Self::Callee
            | Self::CallerNumber
            | Self::CallerName
            | Self::Switch => false,
        }
    }

    /// Returns the field with this public name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}
