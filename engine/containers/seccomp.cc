#include "containers/seccomp.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "containers/files.h"

namespace kiban::containers {
namespace {

#if defined(__x86_64__)
constexpr std::string_view machine = "SCMP_ARCH_X86_64";
constexpr std::string_view machine_name = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view machine = "SCMP_ARCH_AARCH64";
constexpr std::string_view machine_name = "arm64";
#else
#error "Name this machine's architecture as libseccomp does."
#endif

constexpr int not_permitted = 1;  // EPERM
constexpr int no_such_call = 38;  // ENOSYS: the C library then uses clone instead of clone3.
constexpr std::uint64_t namespace_flags = 0x7E020000;  // CLONE_NEW* of clone(2).

// Beyond what Docker's default profile allows a container without CAP_SYS_ADMIN.
const std::set<std::string_view> refused{
    "add_key",        "bpf",         "fsconfig",        "fsmount",
    "fsopen",         "fspick",      "io_uring_enter",  "io_uring_register",
    "io_uring_setup", "keyctl",      "mount",           "mount_setattr",
    "move_mount",     "open_tree",   "perf_event_open", "pivot_root",
    "reboot",         "request_key", "setns",           "swapoff",
    "swapon",         "syslog",      "umount",          "umount2",
    "unshare",        "userfaultfd"};

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

bool holds(const json::array& list, std::string_view wanted) {
  return std::ranges::find(list, json::value(wanted)) != list.end();
}

// `caps` of a condition: all of them, as Podman reads it.
bool has_all(const json::array& wanted, const std::vector<std::string>& capabilities) {
  return std::ranges::all_of(wanted, [&](const json::value& one) {
    return one.is_string() &&
           std::ranges::find(capabilities, std::string(one.get_string())) != capabilities.end();
  });
}

// Whether the conditions `includes` and `excludes` of a rule let it apply.
bool applies(const json::object& rule, const std::vector<std::string>& capabilities) {
  if (const json::object* includes = find_object(rule, "includes")) {
    const json::array arches = list_of(*includes, "arches");
    if (!arches.empty() && !holds(arches, machine_name)) return false;
    if (!has_all(list_of(*includes, "caps"), capabilities)) return false;
  }
  if (const json::object* excludes = find_object(rule, "excludes")) {
    if (holds(list_of(*excludes, "arches"), machine_name)) return false;
    const json::array caps = list_of(*excludes, "caps");
    if (!caps.empty() && has_all(caps, capabilities)) return false;
  }
  return true;
}

json::array own_rules() {
  json::array names;
  for (const std::string_view name : refused) names.push_back(json::value(name));
  return {{{"names", std::move(names)}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", not_permitted}},
          {{"names", {"clone3"}}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", no_such_call}},
          {{"names", {"clone"}},
           {"action", "SCMP_ACT_ALLOW"},
           {"args",
            {{{"index", 0},
              {"value", namespace_flags},
              {"valueTwo", 0},
              {"op", "SCMP_CMP_MASKED_EQ"}}}}}};
}

}  // namespace

Result<json::object> seccomp_config(const json::object& profile,
                                    const std::vector<std::string>& capabilities) {
  const std::string action = text(profile, "defaultAction");
  if (action.empty() || list_of(profile, "syscalls").empty())
    return fail("NoSeccompProfile", "it names no default action or no system calls");
  json::array rules = own_rules();
  for (const json::value& value : list_of(profile, "syscalls")) {
    if (!value.is_object()) return fail("NoSeccompProfile", "a rule is not an object");
    const json::object& rule = value.get_object();
    if (!applies(rule, capabilities)) continue;
    json::array names;
    for (const json::value& name : list_of(rule, "names")) {
      if (!name.is_string()) continue;
      const std::string_view word = name.get_string();
      if (word != "clone" && word != "clone3" && !refused.contains(word)) names.push_back(name);
    }
    if (names.empty()) continue;
    json::object out{{"names", std::move(names)}, {"action", text(rule, "action")}};
    for (const auto* member : {"errnoRet", "args"}) {
      const json::value* found = find(rule, member);
      if (found && (found->is_number() || (found->is_array() && !found->get_array().empty())))
        out[member] = *found;
    }
    rules.push_back(std::move(out));
  }
  // Without the machine's 32-bit architectures, whose calls are refused then: filters for them as
  // well take runc 30 ms more for each container.
  json::object out{{"defaultAction", action}, {"architectures", {machine}}};
  if (const json::value* code = find(profile, "defaultErrnoRet"); code && code->is_number())
    out["defaultErrnoRet"] = *code;
  out["syscalls"] = std::move(rules);
  return out;
}

Result<json::object> load_seccomp_profile(const std::string& path) {
  const auto parsed = parse_json(read_file(path));
  if (!parsed || !parsed->is_object())
    return fail("NoSeccompProfile", fmt::format("{} is missing or not JSON", path));
  KIBAN_TRY_VOID(seccomp_config(parsed->get_object(), {}));
  return parsed->get_object();
}

}  // namespace kiban::containers
