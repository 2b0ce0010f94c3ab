<?php
// A stand-in for WordPress on lab hosts: hooks, shortcodes, assets and must-use plugins behave as
// a must-use plugin meets them there. It needs no database. Everything else is absent on purpose.

define('ABSPATH', __DIR__ . '/');
define('WP_CONTENT_DIR', ABSPATH . 'wp-content');
define('WPMU_PLUGIN_DIR', WP_CONTENT_DIR . '/mu-plugins');

$wp_filter = [];
$shortcode_tags = [];
$wp_styles = [];
$wp_scripts = [];

function add_filter($hook, $callback, $priority = 10, $arguments = 1) {
    $GLOBALS['wp_filter'][$hook][$priority][] = [$callback, $arguments];
    return true;
}
function add_action($hook, $callback, $priority = 10, $arguments = 1) {
    return add_filter($hook, $callback, $priority, $arguments);
}
function apply_filters($hook, $value, ...$more) {
    $callbacks = $GLOBALS['wp_filter'][$hook] ?? [];
    ksort($callbacks);
    foreach ($callbacks as $same_priority) {
        foreach ($same_priority as [$callback, $arguments]) {
            $value = $callback(...array_slice([$value, ...$more], 0, $arguments));
        }
    }
    return $value;
}
function do_action($hook, ...$arguments) {
    $callbacks = $GLOBALS['wp_filter'][$hook] ?? [];
    ksort($callbacks);
    foreach ($callbacks as $same_priority) {
        foreach ($same_priority as [$callback, $count]) {
            $callback(...array_slice($arguments, 0, $count));
        }
    }
}

function add_shortcode($tag, $callback) { $GLOBALS['shortcode_tags'][$tag] = $callback; }
function do_shortcode($content) {
    return preg_replace_callback('/\[([a-z_-]+)\]/', function ($match) {
        $callback = $GLOBALS['shortcode_tags'][$match[1]] ?? null;
        return $callback ? $callback([], null, $match[1]) : $match[0];
    }, $content);
}
add_filter('the_content', 'do_shortcode', 11);

function esc_html($text) { return htmlspecialchars((string) $text, ENT_QUOTES, 'UTF-8'); }
function esc_attr($text) { return esc_html($text); }
function esc_url($url) { return esc_html($url); }
function sanitize_text_field($text) { return trim(preg_replace('/[\r\n\t\0 ]+/', ' ', strip_tags((string) $text))); }
function sanitize_textarea_field($text) { return trim(str_replace("\0", '', strip_tags((string) $text))); }
function sanitize_email($text) { return filter_var(trim((string) $text), FILTER_SANITIZE_EMAIL); }
function is_email($text) { return filter_var($text, FILTER_VALIDATE_EMAIL); }
function wp_unslash($value) { return $value; }
function wp_mail($to, $subject, $message, $headers = []) {
    return mail($to, $subject, $message, implode("\r\n", (array) $headers));
}

function get_bloginfo($show = 'name') { return $_SERVER['SERVER_NAME'] ?? 'localhost'; }
function home_url($path = '') { return 'http://' . ($_SERVER['HTTP_HOST'] ?? 'localhost') . '/' . ltrim($path, '/'); }
function is_admin() { return false; }

function wp_enqueue_style($handle, $src, $needs = [], $version = false) { $GLOBALS['wp_styles'][$handle] = [$src, $version]; }
function wp_enqueue_script($handle, $src, $needs = [], $version = false) { $GLOBALS['wp_scripts'][$handle] = [$src, $version]; }
function wp_with_version($src, $version) { return $version ? "$src?ver=" . rawurlencode($version) : $src; }
function wp_print_styles() {
    foreach ($GLOBALS['wp_styles'] as [$src, $version]) {
        printf("<link rel=\"stylesheet\" href=\"%s\">\n", esc_url(wp_with_version($src, $version)));
    }
}
function wp_print_footer_scripts() {
    foreach ($GLOBALS['wp_scripts'] as [$src, $version]) {
        printf("<script src=\"%s\" defer></script>\n", esc_url(wp_with_version($src, $version)));
    }
}
add_action('wp_head', fn() => do_action('wp_enqueue_scripts'), 1);

// Must-use plugins are the *.php files directly in their directory, in order of name.
foreach (is_dir(WPMU_PLUGIN_DIR) ? scandir(WPMU_PLUGIN_DIR) : [] as $plugin) {
    if (str_ends_with($plugin, '.php')) {
        include_once WPMU_PLUGIN_DIR . '/' . $plugin;
    }
}
do_action('muplugins_loaded');
do_action('plugins_loaded');
