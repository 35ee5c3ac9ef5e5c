pub mod call;
pub mod hook;
pub mod switch;
pub mod variable;
pub mod word;
