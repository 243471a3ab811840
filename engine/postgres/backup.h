// Copies of all servers below a driver's directory, made while they run.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"

namespace kiban::postgres {

// Copies `directory` (Options::directory) to `target`, which must not exist: a running server as
// TARGET/NAME/base.tar (pg_basebackup), everything else (stopped servers, snapshots) as files.
// Nothing is written when there are no servers. `stopped` is called between two servers and ends
// the work with `Stopped`. Returns how many servers ran. Errors: `PostgresFailed`,
// `PostgresMissing`.
Result<std::size_t> back_up_servers(const std::string& directory,
                                    const std::vector<std::string>& folders,
                                    const std::string& target,
                                    const std::function<bool()>& stopped = {});

// Makes `directory` of what back_up_servers() wrote. The servers start when they are asked for, and
// recover to the end of the backup. Does nothing when `source` does not exist. Error
// `PostgresFailed`.
Result<void> restore_servers(const std::string& source, const std::string& directory);

}  // namespace kiban::postgres
