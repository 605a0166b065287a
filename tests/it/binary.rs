//! The real program as a newcomer and an operator use it: its words, its files, its exit codes.

mod demo;
mod install;
mod manage;
mod scan;
mod serve;
mod store;
