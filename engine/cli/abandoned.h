// What `kiban serve --ephemeral` left behind when it was killed.
#pragma once

#include <string>
#include <string_view>

namespace kiban::cli {

// Where an ephemeral server keeps `what` ("tasks", "databases", "uploads") while it lives.
std::string temporary_directory(std::string_view what);

// Ends and erases what is in such directories of ours whose process is gone.
void end_abandoned();

}  // namespace kiban::cli
