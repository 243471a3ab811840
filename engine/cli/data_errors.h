#pragma once

#include "core/result.h"

namespace kiban::cli {

// Says why the data directory can't be used, and what to do about an error of open_rows() and of
// what it calls. Returns exit_failed.
int complain_about_data(const Error& error);

}  // namespace kiban::cli
