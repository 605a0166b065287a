//! The real program as a newcomer and an operator use it: its words, its files, its exit codes.

mod audit;
mod demo;
mod help;
mod install;
mod manage;
mod scan;
mod serve;
mod store;
mod terminal;
mod transcripts;
