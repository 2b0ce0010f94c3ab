<?php
// Loads the announcement on WordPress sites, as a must-use plugin.

add_action('wp_enqueue_scripts', function () {
    wp_enqueue_script('popup', '/_features/popup/popup.js', [], '1.0.2');
});
