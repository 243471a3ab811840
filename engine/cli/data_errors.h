#pragma once

#include "core/result.h"

namespace kiban::cli {

// Prints why the data directory can't be used and what to do, for an error of open_rows() and the
// functions that it calls. Returns exit_failed.
int complain_about_data(const Error& error);

}  // namespace kiban::cli
