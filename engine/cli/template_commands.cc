// cfn transform: what a CloudFormation template's transforms make of it.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "cfn/template.h"
#include "cfn/transform.h"
#include "cli/commands.h"
#include "cli/report.h"

namespace kiban::cli {

namespace {

Result<json::object> transformed(const std::string& text, const TemplateOptions& options) {
  std::map<std::string, std::string> given;
  for (const std::string& parameter : options.parameters) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string::npos)
      return fail("ValidationError", "--parameter wants KEY=VALUE, not " + parameter);
    given[parameter.substr(0, equals)] = parameter.substr(equals + 1);
  }
  const auto unknown = [](const std::string& name) {
    return fail("ValidationError", "without a server nothing is known of " + name);
  };
  const cfn::TransformInput input{
      .stack = {.name = "stack", .account = "000000000000", .region = options.region},
      .ports = {.ssm_parameter = [&](const std::string& name) -> Result<std::string> {
                  return unknown(name);
                },
                .import_value = [&](const std::string& name) -> Result<json::value> {
                  return unknown(name);
                },
                .stack_output = [&](const std::string& name, const std::string&, const std::string&)
                    -> Result<json::value> { return unknown(name); },
                .dynamic_reference = [&](const std::string& name) -> Result<std::string> {
                  return unknown(name);
                }},
      .fetch = [&](const std::string& location) -> Result<std::string> {
        return unknown(location);
      }};
  KIBAN_TRY(json::object tree, cfn::read_template(text));
  return cfn::apply_transforms(std::move(tree), given, input);
}

}  // namespace

int transform_template(const TemplateOptions& options) {
  std::ostringstream text;
  if (options.file.empty() || options.file == "-") {
    text << std::cin.rdbuf();
  } else {
    std::ifstream in(options.file);
    if (!in || std::filesystem::is_directory(options.file))
      return complain("cfn", options.file + " cannot be read", "Name a template, or - for stdin.");
    text << in.rdbuf();
  }
  auto tree = transformed(text.str(), options);
  if (!tree) return complain("the template", tree.error().cause, "");
  tree->erase("Transform");
  std::cout << print_json(*tree) << std::endl;
  return exit_done;
}

}  // namespace kiban::cli
