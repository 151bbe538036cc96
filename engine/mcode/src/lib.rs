//! M-CODE, the language that users submit: from source text to values.
//!
//! Source → tokens → syntax tree → resolved tree (every name known) → checked (types and shapes, where they can be
//! known) → register code → the virtual machine, one tensor operation at a time. Nothing here does input or output or
//! has a clock: files, inputs, printing and the right to go on come from the caller ([`RunRequest`]).
//!
//! # Grammar
//!
//! Statements end at the end of the line (or at `;`); inside brackets, behind an operator, and before `|>` lines go on.
//!
//! ```text
//! module     = { statement }
//! statement  = [ "let" | "const" ] NAME [ ":" type ] "=" expr
//!            | target "=" expr
//!            | target ( "+=" | "-=" | "*=" | "/=" | "//=" | "%=" | "@=" | "**=" ) expr
//!            | { "@" NAME [ arguments ] } "function" NAME params [ "->" type ] block "end"
//!            | "if" expr block { "elseif" expr block } [ "else" block ] "end"
//!            | "while" expr block "end"
//!            | [ "parallel" ] "for" NAME "in" expr block "end"
//!            | "when" "change" "(" NAME ")" block "end"
//!            | "break" | "continue" | "return" [ expr ]
//!            | "import" ( STRING | "module" "(" STRING ")" ) [ "as" NAME ]
//!            | expr
//! target     = NAME { "[" index { "," index } "]" | "." NAME }
//! params     = "(" [ NAME [ ":" type ] [ "=" expr ] { "," … } ] ")"
//! type       = NAME [ "[" ( NAME | INT ) { "," … } "]" ]
//!
//! expr       = or                                            loosest first
//! or         = and { "or" and }
//! and        = not { "and" not }
//! not        = "not" not | compare
//! compare    = range { ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) range }
//! range      = pipe [ ( ".." | "..=" ) pipe [ "by" pipe ] ]
//! pipe       = sum { "|>" sum }
//! sum        = term { ( "+" | "-" ) term }
//! term       = product { ( "*" | "/" | "%" | "//" ) product }
//! product    = unary { "@" unary }
//! unary      = ( "-" | "+" | "spawn" | "await" ) unary | power
//! power      = postfix [ ( "**" | "^" ) unary ]
//! postfix    = primary { arguments | "[" index { "," index } "]" | "." NAME }
//! arguments  = "(" [ [ NAME "=" ] expr { "," … } ] ")"
//! index      = ":" | expr | [ expr ] ( ".." | "..=" ) [ expr ] [ "by" expr ]
//! primary    = INT | SCALAR | STRING | "true" | "false" | "none" | NAME | "(" expr ")"
//!            | "[" [ expr { "," expr } ] "]" | "{" [ field { "," field } ] "}"
//!            | NAME "=>" expr | "(" [ NAME [ ":" type ] { "," … } ] ")" "=>" expr
//!            | "function" params [ "->" type ] block "end"
//! field      = ( NAME | STRING ) ":" expr | NAME
//! ```
//!
//! # Meaning, where it could be asked
//!
//! - A name that a function assigns anywhere belongs to the function. Functions read variables of the top level and
//!   never change them; anonymous and nested functions take the values that surrounding variables have when they are
//!   made.
//! - The entry is `main`, else the only function (unless the top level itself uses it), else the top level. The top
//!   level of every file runs first, imported files before those that import them.
//! - `x |> f(a)` is `f(x, a)`; `map`, `filter` and `reduce` take the piped value last.
//! - The body of a `when` runs behind each statement that gives its variable another value; inside it, changes of the
//!   same variable do not start it again.
//! - A spawned call waits until its result is needed, or the program ends; then all that wait run at once, on the threads
//!   that the run was given. `map` spreads long work over them too. What tasks print and output is passed on in their
//!   order, and each draws from a random stream of its own, so that the result does not depend on the threads.
//! - The iterations of a `parallel for` run beside each other where none reads what another writes; their updates of
//!   outer variables are made in order when all are through. Otherwise, and where one fails, they run in their order.

mod argument;
mod ast;
mod ast_text;
mod bundle;
mod check;
mod codes;
mod compile;
mod elsewhere;
mod external;
mod flow;
mod format;
mod hashing;
mod hir;
mod image;
mod inspect;
mod instruction;
mod ir;
mod ir_text;
mod lexer;
mod library;
mod lower;
mod names;
mod native;
mod optimise;
mod outline;
mod parser;
mod plan_text;
mod profile;
mod report;
mod resolve;
mod run;
mod session;
mod source;
mod token;
mod vm;

pub use argument::parse_argument;
pub use ast_text::ast_text;
pub use bundle::bundle;
pub use codes::explain;
pub use compile::{
    Compilation, CompiledProgram, EntryParameter, ImportLoader, compile, compile_with_imports, diagnose,
};
pub use elsewhere::{Elsewhere, Offer, run_calls};
pub use external::{
    ExternalCall, ExternalError, ExternalFunction, ExternalModules, external_interface, external_module, external_path,
};
pub use format::format;
pub use hir::Attributes;
pub use inspect::{FunctionAt, Inspection, NameAt, ScopeAt, TextRange, inspect};
pub use ir_text::ir_text;
pub use lexer::mentions_attribute;
pub use library::reference::{LibraryEntry, library, library_entry};
pub use names::{KEYWORDS, is_identifier};
pub use native::{MAKING_CODE, NativeProfile, TierUp, native_text};
pub use nexus_jit::{CodeStore, Origin as CodeOrigin};
pub use nexus_model::{Execution, JitLevel};
pub use optimise::OptimiserCounts;
pub use outline::{Outline, outline};
pub use plan_text::plan_text;
pub use profile::{Profile, ProfileEvent, ProfileKind, ProfileLine, ProfileStack, Timing, bytes as profile_bytes};
pub use run::{
    CANCELLED_CODE, MEMORY_LIMIT_CODE, OPERATION_FAILED_CODE, RunRequest, RunResult, WALL_LIMIT_CODE, check_arguments,
    run,
};
pub use session::{Before, Held, Kept, Piece, PieceResult, compile_in_session, piece, run_in_session};
pub use vm::fuse::FusionProfile;
pub use vm::host::{Clock, FileReader};
