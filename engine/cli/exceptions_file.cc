#include "cli/exceptions_file.h"

#include <fstream>
#include <sstream>

#include "cfn/template.h"

namespace kiban::cli {

Result<json::value> read_yaml_file(const std::string& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return fail("FileFailed", file + " can't be read");
  auto value = cfn::parse_yaml(text.str());
  if (!value) return fail("FileFailed", file + ": " + value.error().cause);
  return value;
}

Result<std::vector<iam::report::Exception>> read_exceptions(const std::string& file) {
  if (file.empty()) return std::vector<iam::report::Exception>{};
  KIBAN_TRY(const json::value list, read_yaml_file(file));
  return iam::report::parse_exceptions(list);
}

}  // namespace kiban::cli
