// Runs RDS clusters as PostgreSQL servers of this host.
//
//   postgres.run       id CLUSTER; payload Directory, Database, User, Password, Port?, Restore?.
//                      Pending for as long as the server shall run: {"Status": "available", "Port",
//                      "Version"} each time that it came up, {"Status": "failed", "Error", "Cause"}
//                      when it can't, which is tried again; {"Logs": [{"Timestamp", "Message"}]} of
//                      what the server wrote. Final, {"Status": "ended"}, before the
//                      outcome of the effect that ended it.
//   postgres.stop      payload Directory. {"Status": "stopped"}
//   postgres.delete    payload Directory, Snapshot? (where its data is kept then). {"Status":
//                      "deleted"}, when nothing else is left.
//   postgres.password  payload Directory, User, Password. {"Status": "changed"}
//
// Directory, Restore and Snapshot are paths below the driver's own directory. A kept snapshot goes
// by postgres.delete too. Servers outlive a killed engine and are adopted; those that died are
// started again. The destructor stops all below the directory, adopted or not, unless leave() was
// called before.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/effects.h"

namespace kiban::postgres {

struct Options {
  std::string directory{};             // Of all servers.
  std::vector<std::string> folders{};  // Where the programs may be: postgres_folders().
  bool erase_at_end{false};
};

class Driver {
 public:
  // Does nothing on disk until the first effect.
  explicit Driver(const Options& options);
  ~Driver();
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  // The servers shall go on without this driver, for a later one to adopt.
  void leave();
  // Adds all kinds above.
  void add_to(runtime::Effects& effects);
  // From one thread, at once: the work is done by a thread for each server.
  void perform(const services::Effect& effect, const runtime::Report& report);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Stops what still runs below the directory of a driver that is gone, and erases all of it.
Result<void> erase_servers(const std::string& directory);

}  // namespace kiban::postgres
