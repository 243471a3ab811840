#include "containers/runtime_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>

#include "containers/seccomp.h"

namespace kiban::containers {
namespace {

std::optional<std::uint32_t> digits(std::string_view text) {
  std::uint32_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

std::vector<std::string> split(std::string_view line, char at) {
  std::vector<std::string> parts{""};
  for (const char c : line) {
    if (c == at)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// The fields of the line of a passwd or group file whose field `column` is `wanted`.
std::vector<std::string> find_line(std::string_view file, std::size_t column,
                                   std::string_view wanted) {
  for (const std::string& line : split(file, '\n')) {
    std::vector<std::string> fields = split(line, ':');
    if (fields.size() > std::max<std::size_t>(column, 2) && fields[column] == wanted) return fields;
  }
  return {};
}

struct User {
  std::uint32_t uid{0};
  std::uint32_t gid{0};
  std::vector<std::uint32_t> more_groups{};
  std::string home{"/"};
};

// user, user:group, by name or number, as an image and a container definition may say it.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (user)
Result<User> resolve_user(const std::string& wanted, const Surroundings& surroundings) {
  const std::size_t colon = wanted.find(':');
  const std::string name = wanted.empty() ? "0" : wanted.substr(0, colon);
  User user;
  const auto uid = digits(name);
  const auto line = find_line(surroundings.passwd, uid ? 2 : 0, name);
  if (!uid && line.empty())
    return fail("ClientException",
                fmt::format("unable to find user {}: no matching entries in passwd file", name));
  user.uid = uid ? *uid : digits(line[2]).value_or(0);
  if (line.size() > 3) user.gid = digits(line[3]).value_or(0);
  if (line.size() > 5 && !line[5].empty()) user.home = line[5];
  if (colon != std::string::npos) {
    const std::string group = wanted.substr(colon + 1);
    const auto gid = digits(group);
    const auto found = find_line(surroundings.group, 0, group);
    if (!gid && found.empty())
      return fail("ClientException", fmt::format("unable to find group {}: no matching entries in "
                                                 "group file",
                                                 group));
    user.gid = gid ? *gid : digits(found[2]).value_or(0);
  } else if (!line.empty()) {
    for (const std::string& one : split(surroundings.group, '\n')) {
      const auto fields = split(one, ':');
      if (fields.size() < 4) continue;
      const auto members = split(fields[3], ',');
      if (std::ranges::find(members, line[0]) != members.end())
        if (const auto gid = digits(fields[2])) user.more_groups.push_back(*gid);
    }
  }
  return user;
}

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

// entryPoint replaces the image's and its command too; command replaces the image's command.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
Result<json::array> arguments(const json::object& image, const json::object& container) {
  const bool own_entry = !list_of(container, "EntryPoint").empty();
  json::array all = own_entry ? list_of(container, "EntryPoint") : list_of(image, "Entrypoint");
  json::array command = list_of(container, "Command");
  if (command.empty() && !own_entry) command = list_of(image, "Cmd");
  all.insert(all.end(), command.begin(), command.end());
  if (all.empty())
    return fail("CannotStartContainerError",
                "neither the image nor the task definition names a command");
  return all;
}

json::array environment(const json::object& image, const json::object& container,
                        const Surroundings& surroundings, const std::string& home) {
  std::map<std::string, std::string> all{
      {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
      {"HOME", home},
      {"HOSTNAME", surroundings.hostname}};
  for (const json::value& pair : list_of(image, "Env")) {
    const std::string_view one = pair.as_string();
    const std::size_t equals = one.find('=');
    if (equals != one.npos)
      all[std::string(one.substr(0, equals))] = std::string(one.substr(equals + 1));
  }
  const json::object* own = find_object(container, "Environment");
  for (const json::object* source : {&surroundings.environment, own}) {
    if (!source) continue;
    for (const auto& [name, value] : *source)
      if (value.is_string()) all[name] = to_string(value.get_string());
  }
  json::array out;
  for (const auto& [name, value] : all)
    out.push_back(json::value(fmt::format("{}={}", name, value)));
  return out;
}

// Docker's default set without NET_RAW, with which a task could pose as another one on the bridge.
// https://docs.docker.com/engine/containers/run/#runtime-privilege-and-linux-capabilities
// `add` and `drop` of linuxParameters.capabilities change it; the service checked their names.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html
std::vector<std::string> capability_names(const json::object& container) {
  std::set<std::string> all{"CAP_AUDIT_WRITE",      "CAP_CHOWN",  "CAP_DAC_OVERRIDE", "CAP_FOWNER",
                            "CAP_FSETID",           "CAP_KILL",   "CAP_MKNOD",        "CAP_SETFCAP",
                            "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETPCAP",      "CAP_SETUID",
                            "CAP_SYS_CHROOT"};
  const json::object* linux_parameters = find_object(container, "LinuxParameters");
  const json::object* change =
      linux_parameters ? find_object(*linux_parameters, "capabilities") : nullptr;
  if (change) {
    for (const json::value& name : list_of(*change, "drop")) {
      if (name == "ALL")
        all.clear();
      else
        all.erase("CAP_" + to_string(name.as_string()));
    }
    for (const json::value& name : list_of(*change, "add"))
      all.insert("CAP_" + to_string(name.as_string()));
  }
  return {all.begin(), all.end()};
}

json::object capabilities(const std::vector<std::string>& names, std::uint32_t uid) {
  const json::array all = json::value_from(names).as_array();
  const json::array held = uid == 0 ? all : json::array{};  // Others gain them by execve only.
  return {{"bounding", all}, {"permitted", held}, {"effective", held}};
}

// Where a container with initProcessEnabled finds its init: in /dev, a tmpfs of its own.
constexpr const char* init_path = "/dev/init";

bool wants_init(const json::object& container) {
  const json::object* linux_parameters = find_object(container, "LinuxParameters");
  const json::value* wanted =
      linux_parameters ? find(*linux_parameters, "initProcessEnabled") : nullptr;
  return wanted && wanted->is_bool() && wanted->get_bool();
}

json::object bind_mount(const Mount& mount, json::array options) {
  if (mount.read_only) {
    options.push_back("ro");
    for (const std::string& flag : mount.flags) options.push_back(json::value(flag));
  }
  return {{"destination", mount.destination},
          {"type", "bind"},
          {"source", mount.source},
          {"options", std::move(options)}};
}

json::array mounts(const Surroundings& surroundings, bool with_init) {
  json::array all{
      {{"destination", "/proc"}, {"type", "proc"}, {"source", "proc"}},
      {{"destination", "/dev"},
       {"type", "tmpfs"},
       {"source", "tmpfs"},
       {"options", {"nosuid", "strictatime", "mode=755", "size=65536k"}}},
      {{"destination", "/dev/pts"},
       {"type", "devpts"},
       {"source", "devpts"},
       {"options", {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}}},
      {{"destination", "/dev/shm"},
       {"type", "tmpfs"},
       {"source", "shm"},
       {"options", {"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}}},
      {{"destination", "/dev/mqueue"},
       {"type", "mqueue"},
       {"source", "mqueue"},
       {"options", {"nosuid", "noexec", "nodev"}}},
      {{"destination", "/sys"},
       {"type", "sysfs"},
       {"source", "sysfs"},
       {"options", {"nosuid", "noexec", "nodev", "ro"}}},
      {{"destination", "/sys/fs/cgroup"},
       {"type", "cgroup"},
       {"source", "cgroup"},
       {"options", {"nosuid", "noexec", "nodev", "relatime", "ro"}}}};
  if (with_init) {
    Mount init = surroundings.init;
    init.destination = init_path;
    init.read_only = true;
    all.push_back(bind_mount(init, {"bind", "nosuid"}));
  }
  for (const Mount& mount : surroundings.mounts)
    all.push_back(bind_mount(mount, {"rbind", "rprivate"}));
  return all;
}

// A container's own memory is a hard limit, its cpu a share; the task's group bounds all of them.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
json::object resources(const json::object& container, bool swap_limit) {
  json::object all{{"devices", {{{"allow", false}, {"access", "rwm"}}}}};
  if (const std::int64_t memory = number(container, "Memory"); memory > 0) {
    const std::int64_t bytes = memory * 1024 * 1024;
    json::object limit{{"limit", bytes}};
    if (swap_limit) limit["swap"] = bytes;
    all["memory"] = std::move(limit);
  }
  if (const std::int64_t shares = number(container, "Cpu"); shares > 0)
    all["cpu"] = {{"shares", std::max<std::int64_t>(shares, 2)}};  // Linux takes no less.
  return all;
}

// Only the limits of the definition: raising a limit needs CAP_SYS_RESOURCE.
json::array limits(const json::object& container) {
  json::array all;
  for (const json::value& value : list_of(container, "Ulimits")) {
    const json::object& limit = value.as_object();
    std::string type = text(limit, "name");
    std::ranges::transform(type, type.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    all.push_back({{"type", "RLIMIT_" + type},
                   {"soft", number(limit, "softLimit")},
                   {"hard", number(limit, "hardLimit")}});
  }
  return all;
}

constexpr int file_mode_mask = 0022;

Result<void> check_ids(const User& user) {
  std::uint32_t highest = std::max(user.uid, user.gid);
  for (const std::uint32_t group : user.more_groups) highest = std::max(highest, group);
  if (highest < ids_per_task) return {};
  return fail("ClientException",
              fmt::format("the user namespace of a task has the ids 0 to {}, not {}",
                          ids_per_task - 1, highest));
}

// The container joins the namespace; the mapping tells the runtime which user of the host owns the
// files that it creates outside.
void add_user_namespace(json::object& config, const Surroundings& surroundings) {
  json::object& settings = config["linux"].as_object();
  settings["namespaces"].as_array().push_back(
      {{"type", "user"}, {"path", surroundings.user_namespace->path}});
  const json::array mapping{{{"containerID", 0},
                             {"hostID", surroundings.user_namespace->first_id},
                             {"size", ids_per_task}}};
  settings["uidMappings"] = mapping;
  settings["gidMappings"] = mapping;
}

}  // namespace

Result<json::object> runtime_config(const json::object& image, const json::object& container,
                                    const Surroundings& surroundings) {
  const std::string wanted =
      text(container, "User").empty() ? text(image, "User") : text(container, "User");
  KIBAN_TRY(const User user, resolve_user(wanted, surroundings));
  if (surroundings.user_namespace) KIBAN_TRY_VOID(check_ids(user));
  KIBAN_TRY(json::array args, arguments(image, container));
  std::string directory = text(container, "WorkingDirectory");
  if (directory.empty()) directory = text(image, "WorkingDir");
  if (directory.empty()) directory = "/";
  if (wants_init(container)) {
    if (surroundings.init.source.empty())
      return fail("CannotStartContainerError",
                  "initProcessEnabled needs the program tini-static of Debian's package tini");
    args.insert(args.begin(), {init_path, "--"});
  }
  const std::vector<std::string> held = capability_names(container);
  json::object seccomp;
  if (!surroundings.seccomp.empty()) {
    KIBAN_TRY(seccomp, seccomp_config(surroundings.seccomp, held));
  }
  // Explicit, so that it does not depend on that of the engine.
  json::object who{{"uid", user.uid}, {"gid", user.gid}, {"umask", file_mode_mask}};
  if (!user.more_groups.empty()) who["additionalGids"] = json::value_from(user.more_groups);
  const json::value* read_only = find(container, "ReadonlyRootFilesystem");
  json::object config{
      {"ociVersion", "1.0.2"},
      {"process",
       {{"terminal", false},
        {"user", std::move(who)},
        {"args", std::move(args)},
        {"env", environment(image, container, surroundings, user.home)},
        {"cwd", directory},
        {"capabilities", capabilities(held, user.uid)},
        {"noNewPrivileges", true},
        {"rlimits", limits(container)}}},
      {"root",
       {{"path", surroundings.root},
        {"readonly", read_only && read_only->is_bool() && read_only->get_bool()}}},
      {"hostname", surroundings.hostname},
      {"mounts", mounts(surroundings, wants_init(container))},
      {"linux",
       {{"cgroupsPath", surroundings.cgroup},
        {"resources", resources(container, surroundings.swap_limit)},
        {"namespaces",
         {{{"type", "pid"}},
          {{"type", "network"}, {"path", surroundings.network}},
          {{"type", "ipc"}},
          {{"type", "uts"}},
          {{"type", "cgroup"}},
          {{"type", "mount"}}}},
        {"maskedPaths",
         {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
          "/sys/firmware", "/sys/devices/virtual/powercap",
          // Loop devices: their backing files show where the storage of other tasks lies.
          "/sys/devices/virtual/block"}},
        {"readonlyPaths",
         {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
          // Of control groups version 1: runc mounts the tmpfs that holds them writable.
          "/sys/fs/cgroup"}}}}};
  if (!seccomp.empty()) config["linux"].as_object()["seccomp"] = std::move(seccomp);
  if (surroundings.user_namespace) add_user_namespace(config, surroundings);
  return config;
}

std::string stop_signal(const json::object& image) {
  const std::string signal = text(image, "StopSignal");
  return signal.empty() ? "SIGTERM" : signal;
}

}  // namespace kiban::containers
