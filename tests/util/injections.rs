//! Owner: the tests. Answers that set variables, run an application or choose another place in a careless
//! dialplan.

/// For dialplans of FreeSWITCH with `bridge data="${crm}"`, `bridge data="loopback/${crm}/routed"` or
/// `transfer data="${crm} XML routed"`. On a real one, 10 of 13 of these kinds ran the command.
pub const OF_FREESWITCH: [&str; 13] = [
    "{api_on_answer=system touch X}loopback/1",
    "[api_on_answer='system touch X']loopback/1",
    "<api_on_answer='system touch X'>loopback/1",
    "{execute_on_answer='system touch X'}loopback/1",
    "{execute_on_answer=system::touch}loopback/1",
    "{api_on_originate=system touch X}loopback/1",
    "[api_on_pre_originate='system touch X']loopback/1",
    "x,[api_on_answer='system touch X']loopback/1",
    "x|[api_on_answer='system touch X']loopback/1",
    "x:_:{api_on_answer='system touch X'}loopback/1",
    "1/x,{api_on_answer=system touch X}loopback/1",
    "'system:touch X' inline",
    "'set:a=b,system:touch X' inline",
];

/// For dialplans of Asterisk with `Goto(${ROUTE})`, `Dial(PJSIP/${ROUTE})` or
/// `Dial(Local/${ROUTE}@place)`.
pub const OF_ASTERISK: [&str; 10] = [
    "sales,1",
    "evil,s,1",
    "routed,evil,1",
    "100&Local/evil@evil",
    "100@evil",
    "100@evil/n",
    "PJSIP/100",
    "100,30,U(evil)",
    "100,,M(evil)",
    "s)&Local/evil@evil(",
];
