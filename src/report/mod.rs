//! What is said of the domain, as data: explanations, simulations and comparisons, the same for the command line, the
//! admin server and routing tests. The domain itself knows no serialisation.

mod ask;
mod diff;
mod explain;
mod held;
mod place;
mod scenario;
mod simulation;
mod strings;

pub use ask::{Question, Reply, ask, record_type, type_word};
pub use diff::{Compared, DiffView};
pub use explain::{DecidedBy, EndpointView, PoolView, Report, RowView, SelectorView, Word};
pub use held::HeldView;
pub use place::{LocationView, attribution, client};
pub use scenario::{names, nearest, scenario, unknown};
pub use simulation::{ClientsView, NameView, OverloadView, PortionView, SimulationView, countries, owner, region};
pub use strings::strings;
