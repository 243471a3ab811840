// What `kiban serve --ephemeral` left behind when it was killed.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban::cli {

// Makes a directory of ours, 0700 and with a random name, in which an ephemeral server keeps `what`
// ("tasks", "databases", "uploads") while it lives. Error `StoreFailed`.
Result<std::string> make_temporary_directory(std::string_view what);

// Ends the processes of such directories whose server is gone, and erases the directories.
void end_abandoned();

}  // namespace kiban::cli
