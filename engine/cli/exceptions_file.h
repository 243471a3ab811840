// Files of exceptions: what `kiban iam report` and `prove` may find all the same.
#pragma once

#include <string>
#include <vector>

#include "core/json.h"
#include "iam/report/usage.h"

namespace kiban::cli {

// JSON, or YAML. Error FileFailed.
Result<json::value> read_yaml_file(const std::string& file);
// An empty name: none. Errors FileFailed, InvalidExceptions.
Result<std::vector<iam::report::Exception>> read_exceptions(const std::string& file);

}  // namespace kiban::cli
