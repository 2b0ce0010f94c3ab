<?php
// The page of a stand-in for WordPress: the order of hooks on a request is WordPress's own
// (muplugins_loaded, init, template_redirect, then the theme with wp_head and wp_footer).
require __DIR__ . '/wp-settings.php';

do_action('init');
do_action('template_redirect');
?>
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title><?php echo esc_html(get_bloginfo('name')); ?></title>
<?php do_action('wp_head'); wp_print_styles(); ?>
</head>
<body>
<h1><?php echo esc_html(get_bloginfo('name')); ?></h1>
<?php echo apply_filters('the_content', "<p>A page from the database.</p>\n"); ?>
<?php do_action('wp_footer'); wp_print_footer_scripts(); ?>
</body>
</html>
